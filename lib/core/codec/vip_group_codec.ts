/**
 * The keys of proxies' virtual addresses. They are ours: Patroni's members and
 * tools read the scope and leave them alone (docs/contract/dcs.md 4).
 *
 * `vip/GROUP` is the holder's and hangs on its session. Each proxy that could
 * carry the group's addresses has `vip_candidates/GROUP/ID`, on its own session.
 */
import type { Revision } from "../base/units.ts";
import type { StoredSnapshot } from "./cluster_view_codec.ts";
import { parseJsonObject } from "./json.ts";
import { ENTRIES_MAX } from "./limits.ts";

/** A proxy as the others see it. */
export interface VipCandidate {
  /** Another one for each process. */
  readonly id: string;
  /** For people. */
  readonly name: string;
  readonly priority: number;
  readonly isPreempting: boolean;
}

/** Who holds the key of a group. */
export interface VipHolder extends VipCandidate {
  readonly revision: Revision;
  /** The key hangs on the session that this process opened last. */
  readonly isHeld: boolean;
}

/** One group as the store shows it. */
export interface VipGroupView {
  readonly holder: VipHolder | null;
  readonly candidates: readonly VipCandidate[];
}

const HOLDERS = "vip/";
const CANDIDATES = "vip_candidates/";

/** The key of a group's holder, relative to the scope. */
export function vipHolderKey(group: string): string {
  return `${HOLDERS}${group}`;
}

/** The key of one candidate of a group, relative to the scope. */
export function vipCandidateKey(group: string, id: string): string {
  return `${CANDIDATES}${group}/${id}`;
}

/** Whether a key is one of these. */
export function isVipKey(key: string): boolean {
  return key.startsWith(HOLDERS) || key.startsWith(CANDIDATES);
}

/** What a holder or a candidate writes. */
export function encodeVipCandidate(candidate: VipCandidate): string {
  const { id, name, priority, isPreempting } = candidate;
  return JSON.stringify({ id, name, priority, preempt: isPreempting });
}

/**
 * What the store shows of a group. A holder whose text cannot be read holds the
 * key all the same; such a candidate is none.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(decodeVipGroup({ entries: [] }, "web").holder, null);
 * ```
 */
export function decodeVipGroup(
  { entries }: StoredSnapshot,
  group: string,
): VipGroupView {
  const held = entries.find(({ key }) => key === vipHolderKey(group));
  const prefix = vipCandidateKey(group, "");
  const candidates = entries.filter(({ key }) => key.startsWith(prefix))
    .slice(0, ENTRIES_MAX)
    .flatMap(({ key, value }) => {
      const candidate = decodeCandidate(value);
      return candidate?.id === key.slice(prefix.length) ? [candidate] : [];
    });
  if (held === undefined) return { holder: null, candidates };
  const { revision, isHeld } = held;
  const holder = decodeCandidate(held.value) ?? UNREADABLE;
  return { holder: { ...holder, revision, isHeld }, candidates };
}

const UNREADABLE: VipCandidate = {
  id: "",
  name: "unknown",
  priority: 0,
  isPreempting: false,
};

function decodeCandidate(value: string): VipCandidate | null {
  const fields = parseJsonObject(value);
  if (fields === null) return null;
  const { id, name, priority } = fields;
  const isReadable = typeof id === "string" && id !== "" &&
    typeof name === "string" && typeof priority === "number";
  return isReadable
    ? { id, name, priority, isPreempting: fields["preempt"] === true }
    : null;
}
