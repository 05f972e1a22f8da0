/**
 * Runs the small programs that change the host's network (`ip`, `arping`), with
 * the rights that they need: the agent's own, or `sudo -n`.
 */
import type { CommandWords } from "../../core/model/vip.ts";

/** How a program ended. */
export interface HostProgramResult {
  /** Null: there is no such program. */
  readonly code: number | null;
  /** Both of its streams. */
  readonly output: string;
}

/** Runs one program; never throws. An abort ends it. */
export type RunHostProgram = (
  words: CommandWords,
  signal: AbortSignal,
) => Promise<HostProgramResult>;

/** How programs get their rights, or the sentence that says why they do not. */
export type Privilege =
  | { readonly kind: "granted"; readonly prefix: CommandWords }
  | { readonly kind: "missing"; readonly why: string };

/** An address that no host has (RFC 5737): taking it away needs the right and does nothing. */
const PROBE: CommandWords = [
  ...["ip", "address", "delete", "192.0.2.1/32", "dev", "lo"],
];
const SUDO: CommandWords = ["sudo", "-n"];

/** `ip` and `arping` are in sbin, which a user's PATH may lack. */
const SBIN = "/usr/local/sbin:/usr/sbin:/sbin";

/** Runs a program of this host. */
export async function runHostProgram(
  words: CommandWords,
  signal: AbortSignal,
): Promise<HostProgramResult> {
  const [program = "", ...args] = words;
  try {
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args,
      env: { LC_ALL: "C", PATH: `${Deno.env.get("PATH") ?? ""}:${SBIN}` },
      stdin: "null",
      signal,
    }).output();
    const text = new TextDecoder();
    const output = `${text.decode(stdout)}${text.decode(stderr)}`.trim();
    return { code, output };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { code: null, output: `${program}: not found` };
    }
    return { code: -1, output: String(error) };
  }
}

/** Finds out how this process may change addresses: with its own rights, or by sudo. */
export async function findPrivilege(
  run: RunHostProgram,
  signal: AbortSignal,
): Promise<Privilege> {
  const own = await run(PROBE, signal);
  if (own.code === null) {
    return {
      kind: "missing",
      why: "the program ip (package iproute2) is not installed",
    };
  }
  if (signal.aborted) {
    return { kind: "missing", why: "nobody had time to look" };
  }
  if (!isRefused(own)) return { kind: "granted", prefix: [] };
  const bySudo = await run([...SUDO, ...PROBE], signal);
  if (bySudo.code !== null && isDone(bySudo)) {
    return { kind: "granted", prefix: SUDO };
  }
  const sudo = bySudo.code === null
    ? "sudo is not installed"
    : `sudo -n ip is refused (${firstLine(bySudo.output)})`;
  return {
    kind: "missing",
    why: `this process lacks CAP_NET_ADMIN, and ${sudo}: give the service ` +
      "AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW, or allow " +
      "sudo -n ip and sudo -n arping",
  };
}

function isRefused({ output }: HostProgramResult): boolean {
  return /not permitted/i.test(output);
}

/** The kernel looked and found no such address, so the right was there. */
function isDone({ code, output }: HostProgramResult): boolean {
  return code === 0 || /cannot assign|not found/i.test(output);
}

/** The first line of a program's output. */
export function firstLine(output: string): string {
  return output.split("\n")[0] ?? "";
}
