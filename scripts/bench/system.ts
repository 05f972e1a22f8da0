/** One of the two systems under measurement: its members and its router. */
import type { LabCluster } from "../../lib/lab/lab_cluster.ts";

/** The systems by their names in options and results. */
export const SYSTEM_NAMES = ["patroni", "matriarch"] as const;

/** Name of a system. */
export type SystemName = (typeof SYSTEM_NAMES)[number];

/** What people read. */
export const SYSTEM_TITLES: Readonly<Record<SystemName, string>> = {
  patroni: "Patroni + HAProxy",
  matriarch: "Matriarch",
};

/** A started system. */
export interface System {
  readonly name: SystemName;
  readonly cluster: LabCluster;
  /** Connection string of the read-write port. */
  readonly url: string;
  readonly stop: () => Promise<void>;
}
