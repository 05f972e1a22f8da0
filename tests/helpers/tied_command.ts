/** Programs of a test that end with it, however it ends. */

/**
 * $0: the process that starts it. The kernel sends the signal only if that still
 * lives when it is asked for; who was killed before is not the parent any more.
 */
const TIED = `log=$1; shift; exec >>"$log" 2>&1
exec setpriv --pdeathsig TERM -- sh -c '[ $PPID = "$0" ] && exec "$@"' "$0" "$@"`;

/**
 * Arguments of `sh` that become the program, with the same process id.
 *
 * @param log What it writes is appended there.
 */
export function tiedArgs(log: string, words: readonly string[]): string[] {
  return ["-c", TIED, String(Deno.pid), log, ...words];
}
