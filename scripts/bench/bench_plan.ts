/** The plan both systems share: members on a given etcd, Patroni's default timing. */
import { type LabPlan, planLab } from "../../lib/lab/plan.ts";
import type { Section } from "../../lib/lab/stores/store.ts";
import { findPostgresBinDir } from "../../lib/lab/programs.ts";
import {
  ETCD,
  type EtcdNode,
  etcdPorts,
  etcdSection,
} from "../../lib/lab/stores/etcd.ts";

/**
 * Whether commits wait for replicas: not, for one, for one without takeover of a
 * lost leader, for any one; or not, with two members and a fencing command.
 */
export const MODES = [
  ...["off", "on", "no_takeover", "quorum", "fencing"] as const,
];

/** One of them. */
export type Mode = typeof MODES[number];

/** What a system of the benchmark is built from. */
export interface BenchPlanOptions {
  /** Folder of that system alone. */
  readonly directory: string;
  readonly scope: string;
  readonly portBase: number;
  /** Of the etcd that both share. */
  readonly etcd: readonly EtcdNode[];
  /** Absent: off. */
  readonly mode?: Mode;
}

/** Draws one system of the benchmark. */
export function benchPlan(options: BenchPlanOptions): LabPlan {
  const { mode = "off" } = options;
  const binDir = findPostgresBinDir();
  if (binDir === null) {
    throw new Error("Cannot find PostgreSQL: install the package postgresql");
  }
  const plan = planLab({
    directory: options.directory,
    members: mode === "fencing" ? 2 : 3,
    dcs: ETCD,
    portBase: options.portBase,
    timing: { ttl: 30, loopWait: 10, retryTimeout: 10 },
    isSynchronous: mode !== "off" && mode !== "fencing",
    password: crypto.randomUUID().replaceAll("-", ""),
    binDir,
  });
  return {
    ...plan,
    scope: options.scope,
    ...(mode === "off" ? {} : { dynamic: dynamicOf(mode) }),
    store: {
      section: etcdSection(options.etcd),
      ports: etcdPorts(options.etcd),
      start: null,
    },
  };
}

const SYNCHRONOUS: Readonly<Record<Exclude<Mode, "off">, boolean | "quorum">> =
  { on: true, no_takeover: true, quorum: "quorum", fencing: false };

/** Patroni does not know `takeover`, and leaves it alone. */
function dynamicOf(mode: Exclude<Mode, "off">): Section {
  return {
    synchronous_mode: SYNCHRONOUS[mode],
    // Said in any case: a synchronous plan of the lab has it on.
    takeover: mode === "no_takeover" ? "off" : "on",
  };
}
