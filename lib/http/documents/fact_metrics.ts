/**
 * Metrics that are made of facts at the moment of asking: what replication
 * slots retain, and whether a lost leader could be taken over from now.
 */
import type { Obstacle } from "../../core/calc/takeover/obstacles.ts";
import {
  type LossOutlook,
  replacedBy,
} from "../../core/calc/takeover/outlook.ts";
import { ownPosition } from "../../core/model/postgres_view.ts";
import type { MetricSample } from "../../ports/metrics.ts";
import type { MemberFacts } from "./member_facts.ts";

/**
 * The samples.
 *
 * @param outlook Of a leader that is lost now; null: the store is away, nobody knows.
 */
export function factSamples(
  facts: MemberFacts,
  outlook: LossOutlook | null,
): readonly MetricSample[] {
  return [...takeoverSamples(outlook), ...slotSamples(facts)];
}

function takeoverSamples(
  outlook: LossOutlook | null,
): readonly MetricSample[] {
  if (outlook === null) return [];
  const { obstacles, fencing } = outlook;
  const by = replacedBy(outlook);
  return [
    {
      name: "matriarch_takeover_works",
      help: "1 if a lost leader would be replaced before its lease ends.",
      type: "gauge",
      value: Number(by !== null),
      labels: {},
    },
    {
      name: "matriarch_fencing_works",
      help: "1 if a lost leader's host would be fenced, were that needed.",
      type: "gauge",
      value: Number(fencing.obstacles.length === 0),
      labels: {},
    },
    // Where fencing makes up for them they are no trouble.
    ...(by === null ? obstacles : []).flatMap(labelsOf).map((labels) => ({
      name: "matriarch_takeover_obstacle",
      help: "1 for each thing that stands in the way of a takeover.",
      type: "gauge" as const,
      value: 1,
      labels,
    })),
  ];
}

/** One for each member that it is about. */
function labelsOf(
  obstacle: Obstacle,
): readonly Readonly<Record<string, string>>[] {
  const { code } = obstacle;
  switch (code) {
    case "leader_cannot_object":
    case "voter_cannot_pledge":
      return [{ code, member: obstacle.member }];
    case "voters_behind":
      return obstacle.members.map((member) => ({ code, member }));
    default:
      return [{ code }];
  }
}

/** Those of a running instance, but for failover slots, which PostgreSQL keeps itself. */
function slotSamples({ running }: MemberFacts): readonly MetricSample[] {
  const position = running === null ? null : ownPosition(running);
  if (running === null || position === null) return [];
  return running.slots.flatMap(({ name, type, isActive, restartLsn }) => {
    if (restartLsn === null) return [];
    const behind = position - restartLsn;
    const labels = { slot: name, type, active: isActive ? "yes" : "no" };
    return [{
      name: "matriarch_slot_retained_bytes",
      help: "WAL that stays on disk for a replication slot.",
      type: "gauge" as const,
      value: behind > 0n ? Number(behind) : 0,
      labels,
    }];
  });
}
