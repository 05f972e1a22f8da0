/** Runs the command line against a member's configuration, as a process. */
import type { AgentMember } from "./agent_member.ts";
import { matriarchCommand } from "./program.ts";

const LIMIT_MS = 60_000;

/** What a call of the command line left behind. */
export interface CommandLineEnd {
  readonly code: number;
  /** Standard output and standard error. */
  readonly text: string;
}

/** What a call gets beside its words. */
interface Surroundings {
  /** All that it can read. */
  readonly input?: string;
  /** What is added to its environment. */
  readonly env?: Record<string, string>;
}

/** `matriarch -c CONFIG ...words`, without a terminal. */
export async function commandLine(
  member: AgentMember,
  words: readonly string[],
  { input = "", env = {} }: Surroundings = {},
): Promise<CommandLineEnd> {
  const child = matriarchCommand(["-c", member.configPath, ...words], {
    cwd: new URL("../../", import.meta.url).pathname,
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(LIMIT_MS),
  }).spawn();
  const writer = child.stdin.getWriter();
  // Who asks nothing may be gone already.
  await writer.write(new TextEncoder().encode(input)).catch(() => undefined);
  await writer.close().catch(() => undefined);
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}
