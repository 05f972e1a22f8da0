/** What a decision, or a change of leader that was lived through, gives to tell. */
import { failoverItem } from "../../codec/failovers_codec.ts";
import type { Decision } from "../../model/decision.ts";
import type { FailoverRecord } from "../../model/failover.ts";
import type { Notice } from "../../model/notice.ts";
import type { Observation } from "../../model/observation.ts";

/** A decision as it is told to people. */
export interface Explained {
  readonly rule: string;
  readonly decision: Decision;
  readonly sentence: string;
}

/** Null: there is nothing to tell of it. */
export function noticeOfDecision(
  { rule, decision, sentence }: Explained,
  o: Observation,
): Notice | null {
  switch (decision.kind) {
    case "start_task": {
      const { task, reason, facts } = decision;
      const isForced = task.kind === "demote" && task.how !== "graceful";
      // A stop that failed is tried again, and is no other one.
      const isAgain = o.memory.lastOutcome?.task.kind === "demote" &&
        o.memory.failuresInRow > 0;
      if (!isForced || isAgain) return null;
      return {
        event: "demoted",
        key: `${o.self} ${o.wallTimeMs}`,
        atMs: o.wallTimeMs,
        text: sentence,
        data: { member: o.self, how: task.how, rule, reason, facts },
      };
    }
    case "write_fencing":
      return noticeOfFencing({ rule, decision, sentence }, o);
    case "veto_pledges":
      return {
        event: "takeover_vetoed",
        key: decision.pledges.map(({ name, revision }) => `${name} ${revision}`)
          .join(","),
        atMs: o.wallTimeMs,
        text: `${o.self} lives and stays the leader: it objected to a takeover`,
        data: {
          leader: o.self,
          rule,
          voters: decision.pledges.map(({ name }) => name),
        },
      };
    default:
      return null;
  }
}

/** A host that was fenced, or could not be; and a leader that objected. */
function noticeOfFencing(
  { rule, decision, sentence }: Explained & {
    readonly decision: Extract<Decision, { kind: "write_fencing" }>;
  },
  o: Observation,
): Notice | null {
  const { reason, write } = decision;
  if (reason === "leader_lives") {
    const by = o.dcs.kind === "reachable"
      ? o.dcs.view.fencing?.claim?.by ?? null
      : null;
    return {
      event: "takeover_vetoed",
      key: `fencing ${write.guard}`,
      atMs: o.wallTimeMs,
      text: `${o.self} lives and stays the leader: it objected to being fenced`,
      data: { leader: o.self, rule, voters: by === null ? [] : [by] },
    };
  }
  if (reason !== "host_fenced" && reason !== "given_up") return null;
  const result = reason === "host_fenced" ? "done" : "failed";
  return {
    event: "fenced",
    key: `${write.claim?.term} ${o.self} ${result}`,
    atMs: o.wallTimeMs,
    text: sentence,
    data: { member: write.claim?.host ?? null, by: o.self, rule, result },
  };
}

/** The story of a change of leader, as the diary has it. */
export function noticeOfFailover(
  record: FailoverRecord,
  atMs: number,
): Notice {
  const { requestedFrom } = record.facts;
  const isSwitchover = typeof requestedFrom === "string";
  const from = record.before === null || record.before === record.leader
    ? ""
    : ` from ${record.before}`;
  return {
    event: isSwitchover ? "switchover" : "failover",
    key: record.term,
    atMs,
    text: `The lead went${from} to ${record.leader} (${record.reason})`,
    data: { ...failoverItem(record) },
  };
}
