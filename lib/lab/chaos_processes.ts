/** The lab that runs on this machine, found by the marks of its processes. */
import { dirname } from "node:path";
import { ChaosError, type ChaosPlace, type ChaosVerb } from "./chaos_place.ts";
import { recordIn } from "./directory.ts";
import { holdDown, letUp } from "./held_down.ts";
import { connectionString, LAB_TIMING, type LabPlan, planLab } from "./plan.ts";
import { killMarked, LAB_MARK, markedPids, sendSignal } from "./processes.ts";
import { labStore } from "./stores/all.ts";

/** Processes that are stopped may just have started others. */
const FREEZES = 3;

/** Labs that run, of those that this user can see. */
export function runningProcesses(): readonly ChaosPlace[] {
  return labDirectories().map((directory) => {
    const plan = planOf(directory);
    const url = connectionString(plan, plan.proxy.primary);
    return {
      what: directory,
      members: plan.members.map(({ name }) => name),
      do: (verb, member) => act(verb, `${directory}/${member}`),
      clientUrl: () => Promise.resolve(url),
    };
  });
}

async function act(verb: ChaosVerb, mark: string): Promise<void> {
  switch (verb) {
    case "kill":
      holdDown(mark);
      return await killMarked(mark);
    case "freeze":
      if (markedPids(mark).length === 0) {
        throw new ChaosError("Nothing of that member runs: heal it first");
      }
      for (let i = 0; i < FREEZES; i++) {
        for (const pid of markedPids(mark)) sendSignal(pid, "SIGSTOP");
      }
      return;
    case "cut":
      throw new ChaosError(
        "Members of a lab share this machine's loopback, which cannot be cut: " +
          "freeze one, or use containers (docs/containers.md)",
      );
    case "heal":
      letUp(mark);
      for (const pid of markedPids(mark)) sendSignal(pid, "SIGCONT");
  }
}

function planOf(directory: string): LabPlan {
  const record = recordIn(directory);
  const dcs = labStore(record?.dcs ?? "");
  if (record === null || dcs === null) {
    throw new ChaosError(`The lab in ${directory} is of another version`);
  }
  return planLab({
    ...{ directory, dcs, timing: LAB_TIMING, isSynchronous: true, binDir: "" },
    ...{ members: record.members, portBase: record.portBase },
    password: record.password,
  });
}

/** Folders with a record, of all marks that this user can see. */
function labDirectories(): readonly string[] {
  const found = new Set<string>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const mark = markOf(name);
    for (const path of mark === null ? [] : [mark, dirname(mark)]) {
      if (hasRecord(path)) found.add(path);
    }
  }
  return [...found];
}

/** A record that cannot be read is another user's. */
function hasRecord(directory: string): boolean {
  try {
    return recordIn(directory) !== null;
  } catch {
    return false;
  }
}

function markOf(pid: string): string | null {
  try {
    const environ = Deno.readTextFileSync(`/proc/${pid}/environ`);
    const line = environ.split("\0").find((v) => v.startsWith(`${LAB_MARK}=`));
    return line?.slice(LAB_MARK.length + 1) ?? null;
  } catch {
    // It ended meanwhile, or it is another user's.
    return null;
  }
}
