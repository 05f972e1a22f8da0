/**
 * What members decided last and why, as they tell it themselves at `GET
 * /explain`: the history in the store knows when the leader changed, only the
 * agents know the reason.
 */
import { asObject, parseJsonObject } from "../core/codec/json.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { MemberName } from "../core/model/member.ts";
import { callMember } from "./api_client.ts";
import type { Session } from "./session.ts";

const TIMEOUT_MS = 2_000;
const OK = 200;

/** One decision of a member. */
export interface ToldDecision {
  readonly member: MemberName;
  readonly rule: string;
  readonly decision: string;
  readonly reason: string;
  /** For people. */
  readonly text: string;
  /** ISO 8601; of the last time, if it was made again and again. */
  readonly at: string;
}

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
    const given = asObject(item);
    const { rule, decision, reason, text, last_at: at } = given ?? {};
    const isWhole = typeof rule === "string" && typeof decision === "string" &&
      typeof reason === "string" && typeof text === "string" &&
      typeof at === "string";
    return isWhole ? [{ member, rule, decision, reason, text, at }] : [];
  });
}

/** Decisions by which the lead goes from one member to another. */
const TAKES = ["acquire_lease"];
const GIVES = ["demote", "release_lease"];

function byTime(one: ToldDecision, other: ToldDecision): number {
  return one.at < other.at ? -1 : 1;
}

/**
 * Why the leader last changed: the bid that won, and before it the last time
 * that a member stepped down.
 *
 * @param change Its winner, because those who lost the race have bid as well;
 * null: unknown. And when (ISO 8601) the change before it was, null if there was
 * none or nobody knows: who stepped down until then did so for that one.
 */
export function lastChangeDecisions(
  told: readonly ToldDecision[],
  change: {
    readonly winner: MemberName | null;
    readonly previousAt: string | null;
  },
): readonly ToldDecision[] {
  const { winner, previousAt } = change;
  const [taken] = told.filter(({ member, decision }) =>
    TAKES.includes(decision) && (winner === null || member === winner)
  ).toSorted(byTime).slice(-1);
  const since = Date.parse(previousAt ?? "");
  const given = told.filter(({ member, decision, at }) =>
    GIVES.includes(decision) && member !== taken?.member &&
    at <= (taken?.at ?? at) && !(Date.parse(at) <= since)
  ).toSorted(byTime).slice(-1);
  return taken === undefined ? given : [...given, taken];
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
  const { member, decision, reason, rule, at } = told;
  const text = decision === "wait" ? WAITS.get(reason) ?? told.text : told.text;
  return `  ${at} ${member}: ${decision}, ${reason} - ${text} (${rule})`;
}
