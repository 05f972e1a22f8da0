/**
 * Signals a callback with everything it started. Callbacks lead a process group
 * of their own; children that left the group are found through /proc.
 */
import { readFileSync } from "node:fs";
import process from "node:process";

/** Sends `signal` to a process group's leader, its group and all descendants. */
export function signalTree(
  leaderPid: number,
  signal: "SIGTERM" | "SIGKILL",
): void {
  const descendants = descendantsOf(leaderPid);
  send(-leaderPid, signal);
  for (const pid of descendants) send(pid, signal);
}

/** Children of children included; empty where /proc does not tell. */
function descendantsOf(pid: number): readonly number[] {
  const found: number[] = [];
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const children = childrenOf(next);
    found.push(...children);
    open.push(...children);
  }
  return found;
}

function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return text.split(" ").filter((word) => word !== "").map(Number);
  } catch {
    // The process is gone, and its children belong to init.
    return [];
  }
}

function send(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself in the meantime.
  }
}
