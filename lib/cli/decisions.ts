/**
 * What members decided last and why, and what keeps them from a takeover, as they
 * tell it themselves at `GET /explain`: the history in the store knows when the leader changed, only the
 * agents know the reason.
 */
import {
  OWN_OBSTACLES,
  type OwnObstacle,
} from "../core/calc/takeover/own_obstacles.ts";
import { decodeDecision } from "../core/codec/decision_codec.ts";
import { parseJsonObject } from "../core/codec/json.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { MemberName } from "../core/model/member.ts";
import type { ToldDecision } from "../core/model/told_decision.ts";
import { callMember } from "./api_client.ts";
import type { Session } from "./session.ts";

const TIMEOUT_MS = 2_000;
const OK = 200;

/** What members tell of themselves. */
export interface Explained {
  /** Each's oldest first. */
  readonly decisions: readonly ToldDecision[];
  /** What keeps them from their part in a takeover. */
  readonly obstacles: readonly OwnObstacle[];
}

const NOTHING: Explained = { decisions: [], obstacles: [] };

/** What all members tell that do; never throws. */
export async function askExplained(
  session: Session,
  view: ClusterView,
): Promise<Explained> {
  const asked = view.members.filter(({ apiUrl }) => apiUrl !== null);
  const told = await Promise.all(asked.map(async (member) => {
    const call = {
      method: "GET",
      path: "/explain",
      timeoutMs: TIMEOUT_MS,
    } as const;
    try {
      const { status, body } = await callMember(session, member, call);
      return status === OK ? explainedIn(member.name, body) : NOTHING;
    } catch {
      // Who does not answer is named elsewhere.
      return NOTHING;
    }
  }));
  return {
    decisions: told.flatMap(({ decisions }) => decisions),
    obstacles: told.flatMap(({ obstacles }) => obstacles),
  };
}

/** Patroni knows no such path; whatever means nothing here is left out. */
function explainedIn(member: MemberName, body: string): Explained {
  const { decisions, takeover } = Object(parseJsonObject(body));
  return {
    decisions: decisionsIn(member, decisions),
    obstacles: obstaclesIn(member, Object(takeover).obstacles),
  };
}

function obstaclesIn(
  member: MemberName,
  items: unknown,
): readonly OwnObstacle[] {
  if (!Array.isArray(items)) return [];
  const codes = items.map((item: unknown): unknown => Object(item).code);
  return OWN_OBSTACLES.filter((code) => codes.includes(code))
    .map((code) => ({ code, member }));
}

function decisionsIn(
  member: MemberName,
  items: unknown,
): readonly ToldDecision[] {
  if (!Array.isArray(items)) return [];
  return items.flatMap((item: unknown): readonly ToldDecision[] => {
    const decision = decodeDecision(item);
    return decision === null ? [] : [{ ...decision, member }];
  });
}

/** Each member's newest decision: what it is doing about it now. */
export function newestDecisions(
  told: readonly ToldDecision[],
): readonly ToldDecision[] {
  const newest = new Map(told.map((each) => [each.member, each]));
  return [...newest.values()];
}

/** Where the log keeps Patroni's words and these mislead who reads them here. */
const WAITS: ReadonlyMap<string, string> = new Map([
  ["nofailover", "its tag nofailover or failover_priority forbids it to lead"],
  ["not_synchronous", "it is not synchronous and may lack commits"],
]);

/** `2026-11-20T... n2: acquire_lease, healthiest - ... (R310)`. */
export function decisionLine(told: ToldDecision): string {
  const { member, kind, task, reason, rule, lastAt } = told;
  const text = kind === "wait"
    ? WAITS.get(reason) ?? told.sentence
    : told.sentence;
  const what = task === null ? kind : `${kind} ${task}`;
  return `  ${lastAt} ${member}: ${what}, ${reason} - ${text} (${rule})`;
}
