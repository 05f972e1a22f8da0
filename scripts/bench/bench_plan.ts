/** The plan both systems share: three members on a given etcd, Patroni's default timing. */
import { type LabPlan, planLab } from "../../lib/lab/plan.ts";
import { findPostgresBinDir } from "../../lib/lab/programs.ts";
import {
  ETCD,
  type EtcdNode,
  etcdPorts,
  etcdSection,
} from "../../lib/lab/stores/etcd.ts";

/** What a system of the benchmark is built from. */
export interface BenchPlanOptions {
  /** Folder of that system alone. */
  readonly directory: string;
  readonly scope: string;
  readonly portBase: number;
  /** Of the etcd that both share. */
  readonly etcd: readonly EtcdNode[];
}

/** Draws one system of the benchmark. */
export function benchPlan(options: BenchPlanOptions): LabPlan {
  const binDir = findPostgresBinDir();
  if (binDir === null) {
    throw new Error("Cannot find PostgreSQL: install the package postgresql");
  }
  const plan = planLab({
    directory: options.directory,
    members: 3,
    dcs: ETCD,
    portBase: options.portBase,
    timing: { ttl: 30, loopWait: 10, retryTimeout: 10 },
    isSynchronous: false,
    password: crypto.randomUUID().replaceAll("-", ""),
    binDir,
  });
  return {
    ...plan,
    scope: options.scope,
    store: {
      section: etcdSection(options.etcd),
      ports: etcdPorts(options.etcd),
      start: null,
    },
  };
}
