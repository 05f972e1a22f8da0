/**
 * Reads lines of pg_hba.conf as far as the check of the seal needs them.
 *
 * Source: PostgreSQL 17 manual, "The pg_hba.conf File".
 */
import type { HbaRule } from "../model/hba_rule.ts";

/** A field: parts in quotes or without, up to white space or a comment. */
const FIELD = /(?:"[^"]*"|[^\s"#,])+(?:,\s*(?:"[^"]*"|[^\s"#,])+)*/g;
const DOTTED = /^\d+\.\d+\.\d+\.\d+$/;
const BITS_BY_VERSION = { 4: 32, 6: 128 } as const;

/**
 * The rule on a line; null for an empty line, a comment, an include, or what
 * PostgreSQL would refuse.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(parseHbaLine("host all all 10.0.0.0/8 md5")?.bits, 8);
 * assert.equal(parseHbaLine("# host all all all trust"), null);
 * ```
 */
export function parseHbaLine(line: string): HbaRule | null {
  const fields = line.replace(/^\s*#.*$/, "").match(FIELD) ?? [];
  const [type = "", databases = "", users = "", address = "", fifth = ""] =
    fields;
  if (
    !/^(?:local|host|hostssl|hostnossl|hostgssenc|hostnogssenc)$/.test(type)
  ) {
    return null;
  }
  const who = { type, databases: namesOf(databases), users: usersOf(users) };
  if (type === "local") {
    return address === ""
      ? null
      : { ...who, address: "", bits: null, method: address };
  }
  const mask = DOTTED.test(fifth) || fifth.includes(":") ? fifth : null;
  const method = mask === null ? fifth : fields[5] ?? "";
  if (method === "") return null;
  return { ...who, ...placeOf(unquoted(address), mask), method };
}

/** Quotes stay: a database in quotes is no keyword. */
function namesOf(field: string): readonly string[] {
  return field.split(",").map((name) => name.trim()).filter(Boolean);
}

function usersOf(field: string): readonly string[] {
  return namesOf(field).map(unquoted);
}

function unquoted(text: string): string {
  return text.replace(/^"(.*)"$/, "$1");
}

function placeOf(
  text: string,
  mask: string | null,
): Pick<HbaRule, "address" | "bits"> {
  const [address = "", bits] = text.split("/");
  const isIp = DOTTED.test(address) || address.includes(":");
  if (!isIp) return { address: text, bits: null };
  if (mask !== null) return { address, bits: maskBits(mask) };
  const longest = BITS_BY_VERSION[address.includes(":") ? 6 : 4];
  return { address, bits: bits === undefined ? longest : Number(bits) };
}

/** Leading ones of a netmask: 255.255.0.0 has 16, ffff:: has 16. */
export function maskBits(mask: string): number {
  const groups = mask.includes(":")
    ? mask.split(":").map((group) => parseInt(group || "0", 16))
    : mask.split(".").map(Number);
  const ones = groups.map((group) => group.toString(2).replaceAll("0", ""));
  return ones.join("").length;
}
