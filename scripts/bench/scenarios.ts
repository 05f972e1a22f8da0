/**
 * What the benchmark does to a leader: the steps of the demo, and what happens to
 * whole hosts, each of which has an etcd node of its own.
 */
import type { LabCluster } from "../../lib/lab/lab_cluster.ts";
import { markedPids, sendSignal } from "../../lib/lab/processes.ts";
import {
  actOf,
  STEP_KINDS,
  STEP_TITLES,
  type StepAct,
  type StepKind,
} from "../../lib/lab/steps.ts";
import { withServerProcesses } from "./idle_process.ts";
import type { BenchEtcd } from "./bench_etcd.ts";

/** What happens to a host. */
type HostKind =
  | "lose_host"
  | "lose_host_with_etcd_leader"
  | "freeze_host"
  | "freeze_agent";

/** One row of the table. */
export type ScenarioKind = StepKind | HostKind;

const HOST_KINDS: readonly HostKind[] = [
  "lose_host",
  "lose_host_with_etcd_leader",
  "freeze_host",
  "freeze_agent",
];

/** Those that leave nothing of the host, as a fencing command does. */
export const LOSSES: ReadonlySet<ScenarioKind> = new Set([
  ...["lose_member", "lose_host", "lose_host_with_etcd_leader"] as const,
]);

/** All of them, in the order of the table. */
export const SCENARIO_KINDS: readonly ScenarioKind[] = [
  ...STEP_KINDS,
  ...HOST_KINDS,
];

/** What people read. */
export const SCENARIO_TITLES: Readonly<Record<ScenarioKind, string>> = {
  ...STEP_TITLES,
  lose_host: "host lost (agent, proxy, PostgreSQL, an etcd follower)",
  lose_host_with_etcd_leader: "host lost, with etcd's leader on it",
  freeze_host: "host frozen (all of it, an etcd follower too), thawed later",
  freeze_agent: "agent frozen, thawed later",
};

/** Whether each member has an etcd node beside it. */
export function needsHosts(kinds: readonly ScenarioKind[]): boolean {
  return kinds.some((kind) => HOST_KINDS.some((known) => known === kind));
}

/** What is done before the measurement, and then. */
export interface Scenario {
  readonly prepare: (leader: string) => Promise<void>;
  readonly act: StepAct;
  /** When the client writes again. */
  readonly undo: () => Promise<void>;
}

/** How that is done to a cluster. */
export function scenarioOf(
  kind: ScenarioKind,
  cluster: LabCluster,
  etcd: BenchEtcd,
): Scenario {
  const { members } = cluster.plan;
  const indexOf = (name: string) => members.findIndex((m) => m.name === name);
  // PostgreSQL's processes write their titles over what marks them.
  const processesOf = (name: string) =>
    markedPids(cluster.member(name).directory).flatMap(withServerProcesses);
  const place = (wanted: "leads" | "follows") => (leader: string) =>
    etcd.place(indexOf(leader), wanted);
  const frozen: number[] = [];
  const thaw = (): void => {
    for (const pid of frozen) sendSignal(pid, "SIGCONT");
  };
  const lose: StepAct = async (_, leader) => {
    etcd.signal(indexOf(leader), "SIGKILL");
    await cluster.agents.killAll(leader);
  };
  const nothing = (): Promise<void> => Promise.resolve();
  switch (kind) {
    case "lose_host":
      return {
        prepare: place("follows"),
        act: lose,
        undo: () => etcd.restore(),
      };
    case "lose_host_with_etcd_leader":
      return { prepare: place("leads"), act: lose, undo: () => etcd.restore() };
    case "freeze_host":
      return {
        prepare: place("follows"),
        act: (_, leader) => {
          etcd.signal(indexOf(leader), "SIGSTOP");
          // Twice: the first look may miss what was just being started.
          for (const _ of ["at once", "again"]) {
            const pids = new Set(processesOf(leader));
            for (const pid of pids) sendSignal(pid, "SIGSTOP");
            frozen.push(...pids);
          }
          return Promise.resolve();
        },
        undo: async () => {
          thaw();
          await etcd.restore();
        },
      };
    case "freeze_agent": {
      let agentOf: string | null = null;
      return {
        prepare: nothing,
        act: (_, leader) => {
          agentOf = leader;
          cluster.agents.signal(leader, "SIGSTOP");
          return Promise.resolve();
        },
        undo: () => {
          if (agentOf !== null) cluster.agents.signal(agentOf, "SIGCONT");
          return Promise.resolve();
        },
      };
    }
    default:
      return { prepare: nothing, act: actOf(kind), undo: nothing };
  }
}
