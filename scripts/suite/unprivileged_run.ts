/**
 * How root runs tests as an ordinary user: PostgreSQL refuses to run as root, and
 * files that root makes would hide missing rights.
 */
const CHECKOUT = new URL("../../", import.meta.url).pathname;

/** The user of Debian's package postgresql. */
export const UNPRIVILEGED_USER = "postgres";

/** How that user runs Deno's tests. */
interface UnprivilegedRun {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * `deno test WORDS` as that user.
 *
 * @param home A folder that this user may write.
 */
export async function unprivilegedRun(
  words: readonly string[],
  home: string,
): Promise<UnprivilegedRun> {
  const denoDir = `${CHECKOUT}.cache/deno-unprivileged`;
  await new Deno.Command("install", {
    args: ["-d", "-o", UNPRIVILEGED_USER, "-m", "700", denoDir],
  }).output();
  return {
    program: "setpriv",
    args: [
      // Ends with whoever started it.
      ...["--pdeathsig", "TERM", "--", "runuser"],
      ...[
        "-u",
        UNPRIVILEGED_USER,
        "--",
        Deno.execPath(),
        "test",
        "--allow-all",
      ],
      // The packages are there already and not this user's to write.
      "--node-modules-dir=manual",
      "--no-check",
      // Checked by whoever checks the types.
      "--frozen",
      ...words,
    ],
    // Files share what was transpiled once.
    env: { HOME: home, DENO_DIR: denoDir, TMPDIR: "/tmp" },
  };
}
