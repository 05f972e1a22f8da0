/** Builders for a voter and its pledge: n2 follows n1, whose term is 10. */
import { lsn, moment, revision } from "../../lib/core/base/units.ts";
import type { ClusterView } from "../../lib/core/model/cluster_view.ts";
import type { Observation } from "../../lib/core/model/observation.ts";
import type { PledgeKey } from "../../lib/core/model/pledge.ts";
import type {
  LeaderSound,
  PledgeView,
} from "../../lib/core/model/pledge_view.ts";
import {
  DEFAULT_SETTINGS,
  DEFAULT_TAKEOVER,
} from "../../lib/core/model/settings.ts";
import { cluster, HERE, leaderMember, member, NOW } from "./builders.ts";
import { MEMORY } from "./rule_table.ts";

/** Of the leader key that built scopes have. */
export const TERM = revision(10);

/** Everything is well, but for the record. */
export const ABLE: PledgeView = {
  record: { kind: "none" },
  isViewFresh: true,
  written: { kind: "unknown" },
  source: "open",
  position: null,
  isCaughtUp: true,
  hasConsented: false,
  sound: null,
  storeObstacle: null,
};

/** The leader was heard 250 ms ago. */
export const HEARD: LeaderSound = {
  leader: "n1",
  term: TERM,
  heardAt: moment(NOW - 250),
  postgresAt: null,
  isRefused: false,
};

/** It was heard, and nothing of it for two seconds. */
export const SILENT: LeaderSound = { ...HEARD, heardAt: moment(NOW - 2_000) };

/** Takeover in mode quorum. */
export const TAKEOVER_ON = {
  settings: {
    ...DEFAULT_SETTINGS,
    synchronousMode: "quorum",
    takeover: DEFAULT_TAKEOVER,
  },
} as const satisfies Partial<Observation>;

/** A pledge that stands. */
export function standing(name: string, at = HERE, term = TERM): PledgeKey {
  return {
    name,
    revision: revision(`r-${name}`),
    pledge: { term, timeline: 1, lsn: lsn(at) },
  };
}

/** An entry without a pledge. */
export function emptied(name: string, mark = `e-${name}`): PledgeKey {
  return { name, revision: revision(mark), pledge: null };
}

/** n1 leads; n2 and n3 vote, and all of them can pledge. */
export function voters(changes: Partial<ClusterView> = {}): ClusterView {
  const pledging = "ready" as const;
  return cluster({
    members: [
      leaderMember("n1", { pledging }),
      member("n2", { pledging }),
      member("n3", { pledging }),
    ],
    sync: {
      leader: "n1",
      quorum: 1,
      standbys: ["n2", "n3"],
      revision: revision(5),
    },
    ...changes,
  });
}

/** What n2 remembers of entries that it saw `agoMs` ago. */
export function remembered(
  pledges: readonly PledgeKey[],
  agoMs: number,
): Pick<Observation, "memory"> {
  const at = moment(NOW - agoMs);
  const seen = Object.fromEntries(
    pledges.map(({ name, revision }) => [name, { revision, at }]),
  );
  const { takeover } = MEMORY;
  return {
    memory: {
      ...MEMORY,
      takeover: { ...takeover, term: TERM, seen, stoodAt: NOW },
    },
  };
}
