/**
 * Who a process is: its number may be another one's later, its number with the
 * time of its start not before the next boot.
 *
 * Source: proc_pid_stat(5), fields 3 and 22; proc_sys_kernel(5), random/boot_id.
 */

/** A process of this boot. */
export interface ProcessMark {
  readonly pid: number;
  /** In clock ticks since boot, as its text. */
  readonly started: string;
}

/** Of the running kernel. */
export async function bootId(): Promise<string> {
  const text = await Deno.readTextFile("/proc/sys/kernel/random/boot_id");
  return text.trim();
}

/**
 * Whether that very process lives (no zombie) and `word` is one of its command
 * line, or it is still the shell that is about to become it.
 */
export async function isProcess(
  { pid, started }: ProcessMark,
  word: string,
): Promise<boolean> {
  try {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X" || fields[19] !== started) {
      return false;
    }
    return (await wordsOf(pid)).includes(word);
  } catch {
    return false;
  }
}

/** Its command line. @throws {Deno.errors.NotFound} If it has ended. */
export async function wordsOf(pid: number): Promise<readonly string[]> {
  const text = await Deno.readTextFile(`/proc/${pid}/cmdline`);
  return text.split("\0").slice(0, -1);
}
