/**
 * The sections: which rows are asked in which order, once the questions of
 * `decide.ts` have chosen one. A row may stand in several.
 */
import { FILL, LINEAGE, REFUSE_COPY, STRANGER } from "./bootstrap.ts";
import { DCS_LOSS } from "./dcs_loss.ts";
import { EARLY } from "./early.ts";
import { FENCING, FENCING_VETO } from "./fencing.ts";
import { FOLLOWER } from "./follower.ts";
import { CONFIG, LEADING, SYSTEM_ID } from "./leader.ts";
import { DOWN } from "./leader_down.ts";
import { FOREIGN, RENEWAL, UNSYNCED, UNWATCHED } from "./leader_lease.ts";
import { NOT_RUNNING, OLD_PRIMARY, OUTBID, RELEASED } from "./no_leader.ts";
import { OPERATOR } from "./operator.ts";
import { PROMOTION } from "./promotion.ts";
import { BARRED, COMPARED } from "./race.ts";
import { REQUESTED } from "./race_request.ts";
import type { Section } from "./rule.ts";
import { SETTLED, TAKEOVER, VETO } from "./takeover.ts";
import {
  DEMOTE_CLUSTER,
  REMOTE_LINE,
  STANDBY_LEADING,
} from "./standby_cluster.ts";

/** By name, in the order of docs/rules.md. */
export const SECTION = {
  early: {
    name: "EARLY",
    question: "Asked before all others; it may match nothing.",
    rules: EARLY,
  },
  noLeaderDown: {
    name: "NO_LEADER_DOWN",
    question: "There is no leader, and the instance here does not answer.",
    rules: [REFUSE_COPY, ...FILL, LINEAGE, OUTBID, RELEASED, ...NOT_RUNNING],
  },
  noLeaderPrimary: {
    name: "NO_LEADER_PRIMARY",
    question: "There is no leader, and the instance here is a primary.",
    rules: [REFUSE_COPY, LINEAGE, ...OLD_PRIMARY],
  },
  race: {
    name: "RACE",
    question: "There is no leader, and the instance here is a replica.",
    rules: [
      REFUSE_COPY,
      STRANGER,
      OUTBID,
      RELEASED,
      ...BARRED,
      ...REQUESTED,
      ...COMPARED,
    ],
  },
  leaderDown: {
    name: "LEADER_DOWN",
    question: "The leader is this member, and its instance does not answer.",
    rules: [RENEWAL, UNSYNCED, FOREIGN, ...DOWN],
  },
  promotion: {
    name: "PROMOTION",
    question:
      "The leader is this member, still a replica, and the scope is no standby cluster.",
    rules: [RENEWAL, UNSYNCED, FOREIGN, UNWATCHED, ...PROMOTION],
  },
  standbyLeader: {
    name: "STANDBY_LEADER",
    question: "The leader is this member, a replica in a standby cluster.",
    rules: [
      RENEWAL,
      FOREIGN,
      REMOTE_LINE,
      UNWATCHED,
      ...OPERATOR,
      SYSTEM_ID,
      CONFIG,
      ...STANDBY_LEADING,
    ],
  },
  leader: {
    name: "LEADER",
    question: "The leader is this member, a primary.",
    rules: [
      RENEWAL,
      FENCING_VETO,
      VETO,
      SETTLED,
      UNSYNCED,
      FOREIGN,
      UNWATCHED,
      DEMOTE_CLUSTER,
      ...OPERATOR,
      SYSTEM_ID,
      CONFIG,
      ...LEADING,
    ],
  },
  takeover: {
    name: "TAKEOVER",
    question:
      "The leader is another member, and this one has pledged in its term, wants to, or takes it back.",
    rules: TAKEOVER,
  },
  fencing: {
    name: "FENCING",
    question:
      "The leader is another member that seems to be lost, pledges cannot prove it, and this one has its host fenced, or takes over after that.",
    rules: FENCING,
  },
  follower: {
    name: "FOLLOWER",
    question: "The leader is another member.",
    rules: FOLLOWER,
  },
  dcsLoss: {
    name: "DCS_LOSS",
    question: "The store is unreachable.",
    rules: DCS_LOSS,
  },
} as const satisfies Readonly<Record<string, Section>>;
