/** What can happen to the processes of a member: killed, frozen, ended in order. */
import { signalTo } from "../../../helpers/own_processes.ts";
import type { FaultBench } from "../bench.ts";
import type { BenchMember } from "../member.ts";
import { pidsIn } from "../network.ts";
import { nothingToUndo, type Undo } from "../undo.ts";

/** A process of a member. */
export type Part = "agent" | "proxy" | "postmaster";

/** There is no such process now: another fault was faster. */
export class NothingToStrike extends Error {
  override name = "NothingToStrike";
}

/** SIGKILL; an agent is started again to undo it. */
export function kill(member: BenchMember, part: Part): Undo {
  strike(member, part, "SIGKILL");
  return part === "agent" ? () => member.startAgain() : nothingToUndo;
}

/** SIGSTOP, and SIGCONT to undo it; an agent that the fence has ended is started again. */
export function freeze(member: BenchMember, part: Part): Undo {
  const pid = strike(member, part, "SIGSTOP");
  return async () => {
    const isThere = signalTo(pid, "SIGCONT");
    if (!isThere && part === "agent") await member.startAgain();
  };
}

/** Source: proc_pid_task(5), `children`. */
export async function childrenOf(pid: number): Promise<readonly number[]> {
  const path = `/proc/${pid}/task/${pid}/children`;
  const text = await Deno.readTextFile(path);
  return text.split(" ").filter(Boolean).map(Number);
}

/** SIGTERM for the agent: an orderly end. */
export function stopAgent(member: BenchMember): Undo {
  strike(member, "agent", "SIGTERM");
  return () => member.startAgain();
}

/** The machine is gone: its cable and all of its processes, at once. */
export async function loseHost(
  bench: FaultBench,
  member: BenchMember,
): Promise<Undo> {
  await bench.network.unplug(member.host);
  for (const pid of await pidsIn(member.host.namespace)) {
    signalTo(pid, "SIGKILL");
  }
  return async () => {
    await bench.network.plugIn(member.host);
    await member.startAgain();
  };
}

/** The machine stands still, as a paused virtual one does; its kernel goes on. */
export async function freezeHost(member: BenchMember): Promise<Undo> {
  const pids = await pidsIn(member.host.namespace);
  for (const pid of pids) signalTo(pid, "SIGSTOP");
  return () => {
    for (const pid of pids) signalTo(pid, "SIGCONT");
    return Promise.resolve();
  };
}

function strike(
  member: BenchMember,
  part: Part,
  signal: Deno.Signal,
): number {
  const pid = pidOf(member, part);
  if (pid === null || !signalTo(pid, signal)) {
    throw new NothingToStrike(`${member.name} has no ${part}`);
  }
  return pid;
}

function pidOf(member: BenchMember, part: Part): number | null {
  switch (part) {
    case "agent":
      return member.agentPid();
    case "proxy":
      return member.proxyPid();
    case "postmaster":
      return member.postmasterPid();
  }
}
