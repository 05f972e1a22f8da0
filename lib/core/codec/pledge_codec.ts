/**
 * The keys `pledges/<name>`: what a voter has promised. Patroni has none, and
 * ignores keys that it does not know (docs/contract/dcs.md 4).
 */
import {
  formatLsn,
  isRevisionText,
  parseLsn,
  revision,
} from "../base/units.ts";
import type { Pledge } from "../model/pledge.ts";
import { encodeJson, parseJsonObject, readCount, readText } from "./json.ts";

/** Prefix of the pledges' keys inside the scope. */
export const PLEDGES_PREFIX = "pledges/";

/** The key of a member's pledge, relative to the scope. */
export function pledgeKey(name: string): string {
  return `${PLEDGES_PREFIX}${name}`;
}

/** Compact JSON of a pledge, or of none. */
export function encodePledge(pledge: Pledge | null): string {
  if (pledge === null) return encodeJson({ term: null });
  const { term, timeline, lsn } = pledge;
  return encodeJson({ term, timeline, lsn: formatLsn(lsn) });
}

/**
 * The pledge in a text. What cannot be read in full is none: it counts for
 * nothing.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(decodePledge('{"term":null}'), null);
 * assert.equal(decodePledge('{"term":"9"}'), null);
 * assert.equal(
 *   decodePledge('{"term":"9","timeline":2,"lsn":"0/5000000"}')?.timeline,
 *   2,
 * );
 * ```
 */
export function decodePledge(text: string): Pledge | null {
  const document = parseJsonObject(text);
  const term = readText(document?.["term"]);
  const timeline = readCount(document?.["timeline"]);
  const lsn = parseLsn(readText(document?.["lsn"]) ?? "");
  if (term === null || !isRevisionText(term) || lsn === null) return null;
  return timeline === null || timeline < 1
    ? null
    : { term: revision(term), timeline, lsn };
}
