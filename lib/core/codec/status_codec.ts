/**
 * The `status` key (and its forebear `optime/leader`): how far the leader's WAL
 * and slots were.
 */
import { type Lsn, lsn } from "../base/units.ts";
import type { StatusKey } from "../model/cluster_view.ts";
import {
  asObject,
  encodeJson,
  parseJson,
  readLsn,
  readTexts,
  readWhole,
} from "./json.ts";
import { ENTRIES_MAX, firstEntries } from "./limits.ts";

/** A status with a known position: the only kind that is ever written. */
export interface StatusPublication extends StatusKey {
  readonly leaderLsn: Lsn;
}

/** Status of a scope in which no leader has published a position. */
const UNKNOWN_STATUS: StatusKey = {
  leaderLsn: null,
  slots: null,
  retainSlots: null,
};

/**
 * Status from the text of `status`, or of `optime/leader` if that key is absent.
 *
 * @param statusText `null`: the key is absent.
 * @param optimeText Text of the legacy key, `null` if absent.
 *
 * Source: docs/contract/dcs.md 3.5, 3.6 and 4; Patroni 4.1.4 `dcs/__init__.py`, Status.
 */
export function decodeStatus(
  statusText: string | null,
  optimeText: string | null,
): StatusKey {
  const value = parseJson(statusText ?? optimeText ?? "");
  const document = asObject(value);
  if (document === null) {
    return { ...UNKNOWN_STATUS, leaderLsn: readLsn(value) };
  }
  return {
    leaderLsn: readLsn(document["optime"]),
    slots: readSlots(document["slots"]),
    retainSlots: readTexts(unwrapped(document["retain_slots"]))
      ?.slice(0, ENTRIES_MAX) ?? null,
  };
}

/**
 * Compact JSON of a status; empty slots and names are left out.
 *
 * @example
 * ```ts
 * import { lsn } from "../base/units.ts";
 * import assert from "node:assert/strict";
 * const status = { leaderLsn: lsn(7), slots: {}, retainSlots: ["b", "a"] };
 * assert.equal(encodeStatus(status), '{"optime":7,"retain_slots":["a","b"]}');
 * ```
 */
export function encodeStatus(status: StatusPublication): string {
  const { slots, retainSlots } = status;
  const hasSlots = slots !== null && Object.keys(slots).length > 0;
  const hasRetained = retainSlots !== null && retainSlots.length > 0;
  return encodeJson({
    optime: status.leaderLsn,
    ...(hasSlots ? { slots } : {}),
    ...(hasRetained ? { retain_slots: [...retainSlots].sort() } : {}),
  });
}

function readSlots(value: unknown): Readonly<Record<string, Lsn>> | null {
  const document = asObject(unwrapped(value));
  if (document === null) return null;
  return Object.fromEntries(
    firstEntries(document).map(([name, position]) => [
      name,
      slotLsn(position),
    ]),
  );
}

/** A slot without a readable position still exists: it keeps all WAL, 0. */
function slotLsn(value: unknown): Lsn {
  const whole = readWhole(value);
  return lsn(whole === null || whole < 0n ? 0n : whole);
}

/** Kubernetes stores nested values as JSON text. */
function unwrapped(value: unknown): unknown {
  return typeof value === "string" ? parseJson(value) : value;
}
