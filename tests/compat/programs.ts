/**
 * The other side's programs: where `prepare.ts` put them, and how they are
 * called.
 */
import type { AgentMember } from "../helpers/agent_member.ts";

/** The unpacked packages that Patroni needs; shared with the benchmark. */
export const PATRONI_DIR: string =
  new URL("../../.cache/patroni", import.meta.url).pathname;

/** For PYTHONPATH. */
export const PYTHON_PATH = `${PATRONI_DIR}/usr/lib/python3/dist-packages`;

/** The unpacked package vip-manager. */
export const VIP_MANAGER_DIR: string =
  new URL("../../.cache/vip-manager", import.meta.url).pathname;

/** It speaks etcd v3 and Patroni's REST API from version 2 on. */
export const VIP_MANAGER = `${VIP_MANAGER_DIR}/usr/bin/vip-manager`;

/** Debian's own interpreter: its packages are what Patroni was built for. */
export const PYTHON = "/usr/bin/python3";
const LIMIT_MS = 90_000;

/** Why tests with Patroni cannot run here; null if they can. */
export function patroniSkipReason(): string | null {
  const needed = [`${PYTHON_PATH}/patroni`, `${PYTHON_PATH}/cdiff.py`];
  const missing = needed.find((path) => !exists(path));
  if (missing === undefined) return null;
  if (Deno.env.get("CI") === "true") throw new Error(`${missing} is missing`);
  return `${missing} is missing; deno task test:compat gets it`;
}

/** Whether there is a file or folder. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Which program a member's agent is. */
export type Kind = "matriarch" | "patroni";

/** From its next start on the member is run by this program. */
export function setKind(member: AgentMember, kind: Kind): void {
  member.program = kind === "patroni" ? [PYTHON, "-m", "patroni"] : null;
  member.environment = kind === "patroni" ? { PYTHONPATH: PYTHON_PATH } : {};
}

/** Which program a member's agent is. */
export function kindOf(member: AgentMember): Kind {
  return member.program === null ? "matriarch" : "patroni";
}

/** What a call left behind. */
export interface CallEnd {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** The real `patronictl -c CONFIG ...words` with a member's configuration. */
export async function patronictl(
  member: AgentMember,
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CallEnd> {
  const { code, stdout, stderr } = await new Deno.Command(PYTHON, {
    args: ["-c", CTL, "-c", member.configPath, ...words],
    // Else its temporary files lie in this project's folder.
    cwd: member.place.directory,
    env: {
      PYTHONPATH: PYTHON_PATH,
      HOME: member.place.directory,
      LC_ALL: "C.UTF-8",
      ...environment,
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(LIMIT_MS),
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    output: decoder.decode(stdout),
    errors: decoder.decode(stderr),
  };
}

/** What Debian's script /usr/bin/patronictl does. */
export const CTL = "import sys; sys.argv[0] = 'patronictl'; " +
  "from patroni.ctl import ctl; ctl(None)";
