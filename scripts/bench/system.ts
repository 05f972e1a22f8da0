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
  /** Resolves when a lost leader would be replaced as the mode promises. */
  readonly untilReady: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** How often each is measured. */
export type Rounds = Readonly<Record<SystemName, number>>;

/** @param ofPatroni Absent: as often as this project. */
export function roundsOf(rounds: string, ofPatroni = rounds): Rounds {
  return { matriarch: countOf(rounds), patroni: countOf(ofPatroni) };
}

function countOf(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new TypeError(`Rounds are a number from 1 on, not ${text}`);
}
