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

/**
 * Why the leader last changed: the bid that won, and before it the last time
 * that a member stepped down.
 */
export function lastChangeDecisions(
  told: readonly ToldDecision[],
): readonly ToldDecision[] {
  const latest = (kinds: readonly string[], until: string): ToldDecision[] =>
    told.filter(({ decision, at }) => kinds.includes(decision) && at <= until)
      .toSorted((one, other) => one.at < other.at ? -1 : 1).slice(-1);
  const [taken] = latest(TAKES, "9999");
  if (taken === undefined) return latest(GIVES, "9999");
  const given = latest(GIVES, taken.at)
    .filter(({ member }) => member !== taken.member);
  return [...given, taken];
}

/** Each member's newest decision: what it is doing about it now. */
export function newestDecisions(
  told: readonly ToldDecision[],
): readonly ToldDecision[] {
  const newest = new Map(told.map((each) => [each.member, each]));
  return [...newest.values()];
}

/** `2026-11-20T... n2: acquire_lease, healthiest - ... (R310)`. */
export function decisionLine(told: ToldDecision): string {
  const { member, decision, reason, text, rule, at } = told;
  return `  ${at} ${member}: ${decision}, ${reason} - ${text} (${rule})`;
}
