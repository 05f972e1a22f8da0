/**
 * What members decided last and why, as they tell it themselves at `GET
 * /explain`: the history in the store knows when the leader changed, only the
 * agents know the reason.
 */
import { decodeDecision } from "../core/codec/decision_codec.ts";
import { parseJsonObject } from "../core/codec/json.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { MemberName } from "../core/model/member.ts";
import type { ToldDecision } from "../core/model/told_decision.ts";
import { callMember } from "./api_client.ts";
import type { Session } from "./session.ts";

const TIMEOUT_MS = 2_000;
const OK = 200;

/** The decisions of all members that tell them, each's oldest first; never throws. */
export async function askDecisions(
  session: Session,
  view: ClusterView,
): Promise<readonly ToldDecision[]> {
  const asked = view.members.filter(({ apiUrl }) => apiUrl !== null);
  const told = await Promise.all(asked.map(async (member) => {
    const call = {
      method: "GET",
      path: "/explain",
      timeoutMs: TIMEOUT_MS,
    } as const;
    try {
      const { status, body } = await callMember(session, member, call);
      return status === OK ? decisionsIn(member.name, body) : [];
    } catch {
      // Who does not answer is named elsewhere.
      return [];
    }
  }));
  return told.flat();
}

/** Patroni knows no such path; whatever is no decision is left out. */
function decisionsIn(
  member: MemberName,
  body: string,
): readonly ToldDecision[] {
  const items = parseJsonObject(body)?.["decisions"];
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
