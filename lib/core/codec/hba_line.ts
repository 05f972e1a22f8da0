/**
 * Reads lines of pg_hba.conf as far as the check of the seal needs them.
 *
 * Source: PostgreSQL 17 manual, "The pg_hba.conf File".
 */
import type { HbaRule } from "../model/hba_rule.ts";

const TYPE = /^(?:local|host|hostssl|hostnossl|hostgssenc|hostnogssenc)$/;
const DOTTED = /^\d+\.\d+\.\d+\.\d+$/;
const BITS_BY_VERSION = { 4: 32, 6: 128 } as const;
/** In quotes they are names of hosts. */
const ADDRESS_KEYWORDS: ReadonlySet<string> = new Set([
  "all",
  "samehost",
  "samenet",
]);

interface Token {
  readonly text: string;
  /** It begins with a quote, so that it is no keyword. */
  readonly isQuoted: boolean;
}

/** A field of a line: a list, of one where PostgreSQL wants one. */
type Field = readonly Token[];

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
  const fields = fieldsOf(line);
  const [databases = [], users = []] = fields.slice(1);
  const [type = "", , , address = "", fifth = "", sixth = ""] = fields
    .map((field) => field.length === 1 ? field[0]?.text : "");
  if (!TYPE.test(type)) return null;
  const who = {
    type,
    databases: databases.map(({ text, isQuoted }) =>
      isQuoted ? `"${text}"` : text
    ),
    users: users.map(({ text }) => text),
  };
  if (type === "local") {
    return address === ""
      ? null
      : { ...who, address: "", bits: null, method: address };
  }
  const mask = DOTTED.test(fifth) || fifth.includes(":") ? fifth : null;
  const method = mask === null ? fifth : sixth;
  if (address === "" || method === "") return null;
  const isName = fields[3]?.[0]?.isQuoted === true &&
    ADDRESS_KEYWORDS.has(address);
  const place = isName
    ? { address: `"${address}"`, bits: null }
    : placeOf(address, mask);
  return { ...who, ...place, method };
}

/**
 * The rules that a list of lines can mean, each with the index of its item: an
 * item can hold several lines, and a backslash at the end of a line continues it
 * since PostgreSQL 14, so that each line is read alone and with what it
 * continues.
 */
export function hbaRules(
  items: readonly string[],
): readonly { readonly rule: HbaRule; readonly at: number }[] {
  const lines = items.flatMap((item, at) =>
    item.split("\n").map((text) => ({ text, at }))
  );
  const joined: { text: string; at: number }[] = [];
  let isContinued = false;
  for (const { text, at } of lines) {
    const last = joined.at(-1);
    if (isContinued && last !== undefined) last.text += text;
    else joined.push({ text, at });
    const end = text.trimEnd();
    isContinued = end.endsWith("\\");
    const whole = joined.at(-1);
    if (isContinued && whole !== undefined) {
      whole.text = whole.text.trimEnd().slice(0, -1);
    }
  }
  return [...lines, ...joined].flatMap(({ text, at }) => {
    const rule = parseHbaLine(text);
    return rule === null ? [] : [{ rule, at }];
  });
}

/**
 * Source: PostgreSQL 17 `hba.c`, next_token: blanks are space, tab and return, a
 * comma goes on with the list, quotes may begin anywhere.
 */
function fieldsOf(line: string): readonly Field[] {
  const token = /[ \t\r,]*((?:"[^"]*(?:"|$)|[^ \t\r,"#])+)(,?)/y;
  const fields: Token[][] = [];
  let isListed = false;
  for (;;) {
    const [, raw, comma] = token.exec(line) ?? [];
    if (raw === undefined) return fields;
    const next = { text: withoutQuotes(raw), isQuoted: raw.startsWith('"') };
    if (isListed) fields.at(-1)?.push(next);
    else fields.push([next]);
    isListed = comma === ",";
  }
}

/** Two quotes inside of quotes are one that counts. */
function withoutQuotes(raw: string): string {
  const parts = raw.split('"');
  return parts.map((part, at) => {
    const isPair = at > 1 && at % 2 === 0 && part === "" &&
      at < parts.length - 1;
    return isPair ? '"' : part;
  }).join("");
}

function placeOf(
  text: string,
  mask: string | null,
): Pick<HbaRule, "address" | "bits"> {
  const [plain = "", bits] = text.split("/");
  const address = plain.includes(":") ? plain : dotted(plain);
  if (address === null) return { address: text, bits: null };
  if (mask !== null) return { address, bits: maskBits(mask) };
  const longest = BITS_BY_VERSION[address.includes(":") ? 6 : 4];
  return { address, bits: bits === undefined ? longest : Number(bits) };
}

/**
 * An IPv4 address in any form that the C library takes, in four numbers: `0`,
 * `127.1`, `0x7f000001`, `0177.0.0.1`. Null: it is the name of a host.
 */
function dotted(text: string): string | null {
  const parts = text.split(".");
  if (parts.length > 4 || !parts.every((part) => NUMBER.test(part))) {
    return null;
  }
  const numbers = parts.map((part) =>
    /^0\d/.test(part) ? parseInt(part, 8) : Number(part)
  );
  const last = numbers.pop() ?? 0;
  const rest = Array.from(
    { length: 4 - numbers.length },
    (_, at) => Math.floor(last / 256 ** (3 - numbers.length - at)) % 256,
  );
  return [...numbers, ...rest].join(".");
}

const NUMBER = /^(?:0[xX][0-9a-fA-F]{1,8}|\d{1,10})$/;

/** Leading ones of a netmask: 255.255.0.0 has 16, ffff:: has 16. */
export function maskBits(mask: string): number {
  const groups = mask.includes(":")
    ? mask.split(":").map((group) => parseInt(group || "0", 16))
    : mask.split(".").map(Number);
  const ones = groups.map((group) => group.toString(2).replaceAll("0", ""));
  return ones.join("").length;
}
