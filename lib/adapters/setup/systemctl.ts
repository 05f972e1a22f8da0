/** The service manager, by its program. */

/** Starting asks for nothing that takes long; stopping waits for PostgreSQL. */
const SYSTEMCTL_MAX_MS = 150_000;

/** @throws {Error} With what it says. */
export async function systemctl(...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("systemctl", {
    args: [...args],
    stdin: "null",
    signal: AbortSignal.timeout(SYSTEMCTL_MAX_MS),
  }).output();
  if (success) return;
  const why = new TextDecoder().decode(stderr).trim();
  throw new Error(`systemctl ${args.join(" ")} failed: ${why}`);
}

/** Whether the unit runs. */
export async function isActive(unit: string): Promise<boolean> {
  const { success } = await new Deno.Command("systemctl", {
    args: ["is-active", "--quiet", unit],
    stdin: "null",
    signal: AbortSignal.timeout(SYSTEMCTL_MAX_MS),
  }).output();
  return success;
}
