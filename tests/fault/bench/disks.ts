/** File systems in memory, so that a disk can be small, and full, and gone. */
import { shell, tryShell } from "./shell.ts";
import type { Undo } from "./undo.ts";

/** The test's process id follows. */
const SOURCE = "matriarch-fault-";

/** Puts a file system of its own on an empty directory. */
export async function mountMemory(
  directory: string,
  megabytes: number,
): Promise<Undo> {
  await shell([
    ...["mount", "-t", "tmpfs", "-o", `size=${megabytes}m`],
    ...[`${SOURCE}${Deno.pid}`, directory],
  ]);
  return async () => {
    await shell(["umount", "--lazy", directory]);
  };
}

/** A new directory for a bench, named so that {@link sweepDisks} knows whose it was. */
export async function makeBenchDirectory(): Promise<string> {
  const prefix = `${SOURCE}${Deno.pid}-`;
  const directory = await Deno.makeTempDir({ prefix });
  await Deno.chmod(directory, 0o755);
  return directory;
}

/** Takes away the file systems and directories of tests that were killed. */
export async function sweepDisks(): Promise<void> {
  const mounts = await Deno.readTextFile("/proc/mounts");
  for (const line of mounts.split("\n")) {
    const [source = "", directory = ""] = line.split(" ");
    if (!isForgotten(source)) continue;
    await tryShell(["umount", "--lazy", directory]);
  }
  const folder = Deno.env.get("TMPDIR") ?? "/tmp";
  for (const { name } of Deno.readDirSync(folder)) {
    if (!isForgotten(name)) continue;
    await Deno.remove(`${folder}/${name}`, { recursive: true });
  }
}

/** Whether the test whose process id is in the name has ended. */
function isForgotten(name: string): boolean {
  const pid = new RegExp(`^${SOURCE}(\\d+)(-|$)`).exec(name)?.[1];
  if (pid === undefined) return false;
  try {
    Deno.statSync(`/proc/${pid}`);
    return false;
  } catch {
    return true;
  }
}
