/**
 * The key `fencing`: who may have the leader's host ended, and what came of it.
 * Patroni has none, and ignores keys that it does not know
 * (docs/contract/dcs.md 4).
 */
import { isRevisionText, type Revision, revision } from "../base/units.ts";
import type {
  FencingClaim,
  FencingKey,
  FencingState,
  PastFencing,
} from "../model/fencing.ts";
import type { FencingPart } from "../model/member.ts";
import {
  asObject,
  encodeJson,
  parseJsonObject,
  readCount,
  readText,
} from "./json.ts";

/** Relative to the scope. */
export const FENCING_KEY = "fencing";

/** As many runs are kept. */
const PAST_MAX = 20;
/** A claim that says it may stand for longer says nonsense. */
const HOLD_MS_MAX = 3_600_000;

const STATES: readonly FencingState[] = [
  ...["claimed", "vetoed", "fenced", "failed"] as const,
];
const RESULTS: readonly PastFencing["result"][] = ["done", "failed", "unknown"];

/** Compact JSON of what the key is to say; only the last runs are kept. */
export function encodeFencing(
  { claim, past }: Pick<FencingKey, "claim" | "past">,
): string {
  return encodeJson({
    claim: claim === null ? null : {
      term: claim.term,
      host: claim.host,
      by: claim.by,
      attempt: claim.attempt,
      hold_ms: claim.holdMs,
      state: claim.state,
    },
    past: past.slice(-PAST_MAX).map(({ host, by, atMs, result }) => ({
      host,
      by,
      at_ms: atMs,
      result,
    })),
  });
}

/**
 * The key behind a text. A claim that cannot be read in full is none.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { revision } from "../base/units.ts";
 * import { decodeFencing } from "./fencing_codec.ts";
 * const key = decodeFencing('{"claim":{"term":"9"},"past":7}', revision(1));
 * assert.deepEqual(key, { claim: null, past: [], revision: "1" });
 * ```
 */
export function decodeFencing(text: string, at: Revision): FencingKey {
  const document = parseJsonObject(text);
  const past = document?.["past"];
  return {
    claim: readClaim(document?.["claim"]),
    past: Array.isArray(past) ? past.slice(-PAST_MAX).flatMap(readRun) : [],
    revision: at,
  };
}

/** What a member key says; null: it is not ours, older, or takeover is off. */
export function readFencingPart(value: unknown): FencingPart | null {
  return value === "ready" || value === "aware" ? value : null;
}

function readClaim(value: unknown): FencingClaim | null {
  const map = asObject(value);
  const term = readText(map?.["term"]);
  const host = readText(map?.["host"]);
  const by = readText(map?.["by"]);
  const attempt = readCount(map?.["attempt"]);
  const holdMs = readCount(map?.["hold_ms"]);
  const state = STATES.find((each) => each === map?.["state"]);
  if (term === null || !isRevisionText(term) || host === null || by === null) {
    return null;
  }
  if (attempt === null || attempt < 1 || state === undefined) return null;
  if (holdMs === null || holdMs > HOLD_MS_MAX) return null;
  return { term: revision(term), host, by, attempt, holdMs, state };
}

function readRun(value: unknown): readonly PastFencing[] {
  const map = asObject(value);
  const host = readText(map?.["host"]);
  const by = readText(map?.["by"]);
  const atMs = readCount(map?.["at_ms"]);
  const result = RESULTS.find((each) => each === map?.["result"]);
  return host === null || by === null || atMs === null || result === undefined
    ? []
    : [{ host, by, atMs, result }];
}
