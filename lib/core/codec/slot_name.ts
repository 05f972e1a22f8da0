/** The one rule that turns a member's name into its replication slot's name. */
import type { MemberName } from "../model/member.ts";

/** PostgreSQL cuts identifiers to NAMEDATALEN - 1 bytes. */
const SLOT_NAME_LENGTH_MAX = 63;

/**
 * Name of the physical slot that serves the member. Two names may map to one
 * slot name; the caller logs that.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(slotNameOf("Node-1.a b"), "node_1_au0032b");
 * ```
 *
 * Source: docs/contract/dcs.md 4.
 */
export function slotNameOf(name: MemberName): string {
  const mapped = [...name.toLowerCase().slice(0, 2 * SLOT_NAME_LENGTH_MAX)]
    .map(slotCharacter).join("");
  return mapped.slice(0, SLOT_NAME_LENGTH_MAX);
}

function slotCharacter(character: string): string {
  if (/^[a-z0-9_]$/.test(character)) return character;
  if (character === "-" || character === ".") return "_";
  const codePoint = character.codePointAt(0) ?? 0;
  return `u${String(codePoint).padStart(4, "0")}`;
}
