/** One quiet while of one system: readings before and after it, and their difference. */
import { markedPids } from "../../lib/lab/processes.ts";
import type { LabPlan } from "../../lib/lab/plan.ts";
import { type EtcdCalls, etcdCalls } from "./idle_store.ts";
import {
  type IdleRole,
  type ProcessReading,
  readProcess,
  withServerProcesses,
} from "./idle_process.ts";
import type { SystemName } from "./system.ts";

/** All that is read of a system at one moment. */
export interface IdleReading {
  readonly at: number;
  readonly processes: readonly ProcessReading[];
  readonly etcd: EtcdCalls;
}

/** What one process of a role took, per minute; the mean where there are several hosts. */
export interface RoleCost {
  readonly role: IdleRole;
  /** Hosts that have it. */
  readonly hosts: number;
  readonly cpuMs: number;
  readonly pssMb: number;
  readonly switches: number;
}

/** One round of one system. */
export interface IdleRound {
  readonly system: SystemName;
  readonly round: number;
  readonly roles: readonly RoleCost[];
  /** Calls that etcd has begun to serve, per member and minute. */
  readonly unary: number;
  /** Messages that came on streams, per member and minute. */
  readonly streamed: number;
  readonly byMethod: Readonly<Record<string, number>>;
}

const ROLES: readonly IdleRole[] = [
  "agent",
  "proxy",
  "patroni",
  "haproxy",
  "postgres",
];

/** Reads all processes of a system and the counters of its etcd. */
export async function readIdle(plan: LabPlan): Promise<IdleReading> {
  const etcd = await etcdCalls(plan);
  const pids = new Set(markedPids(plan.directory).flatMap(withServerProcesses));
  const processes = [...pids].map(readProcess)
    .filter((reading) => reading !== null);
  return { at: performance.now(), processes, etcd };
}

/** What happened between two readings. */
export function idleCost(
  before: IdleReading,
  after: IdleReading,
  members: number,
): Omit<IdleRound, "system" | "round"> {
  const perMinute = 60_000 / (after.at - before.at);
  const scale = { perMinute, members };
  const byMethod: Record<string, number> = {};
  for (const [name, count] of after.etcd) {
    const calls = count - (before.etcd.get(name) ?? 0);
    if (calls > 0) byMethod[name] = calls * perMinute / members;
  }
  const sum = (isUnary: boolean): number =>
    Object.entries(byMethod)
      .filter(([name]) => name.startsWith("unary ") === isUnary)
      .reduce((total, [, count]) => total + count, 0);
  return {
    roles: ROLES.flatMap((role) => costOf(role, [before, after], scale)),
    unary: sum(true),
    streamed: sum(false),
    byMethod,
  };
}

function costOf(
  role: IdleRole,
  [before, after]: readonly [IdleReading, IdleReading],
  { perMinute, members }: {
    readonly perMinute: number;
    readonly members: number;
  },
): RoleCost[] {
  const known = new Map(before.processes.map((one) => [one.pid, one]));
  const mine = after.processes.filter((one) => one.role === role);
  if (mine.length === 0) return [];
  // PostgreSQL is many processes per host; HAProxy is one for all members.
  const hosts = role === "haproxy" ? 1 : members;
  const sum = (value: (one: ProcessReading) => number): number =>
    mine.reduce((total, one) => total + value(one), 0) / hosts;
  return [{
    role,
    hosts,
    cpuMs: perMinute *
      sum((one) => one.cpuMs - (known.get(one.pid)?.cpuMs ?? 0)),
    pssMb: sum((one) => one.pssKb) / 1024,
    switches: perMinute * sum((one) => newSwitches(one, known.get(one.pid))),
  }];
}

function newSwitches(now: ProcessReading, before?: ProcessReading): number {
  return [...now.switches].reduce(
    (sum, [thread, count]) => sum + count - (before?.switches.get(thread) ?? 0),
    0,
  );
}
