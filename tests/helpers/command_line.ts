/** Runs the command line against a member's configuration, as a process. */
import type { AgentMember } from "./agent_member.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const LIMIT_MS = 60_000;

/** What a call of the command line left behind. */
export interface CommandLineEnd {
  readonly code: number;
  /** Standard output and standard error. */
  readonly text: string;
}

/** `main.ts -c CONFIG ...words`, without a terminal. */
export async function commandLine(
  member: AgentMember,
  words: readonly string[],
): Promise<CommandLineEnd> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--allow-all", "--no-check", "--node-modules-dir=manual"],
      ...["--frozen", "--quiet", MAIN, "-c", member.configPath, ...words],
    ],
    cwd: new URL("../../", import.meta.url).pathname,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(LIMIT_MS),
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}
