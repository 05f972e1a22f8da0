/**
 * JSON as the keys of the DCS carry it, without losing a bit of a 64-bit number.
 *
 * Owns reading and writing of the text and the lenient readers for single
 * values. Which fields a key has is decided in the key's own codec.
 */
import { type Lsn, lsn } from "../base/units.ts";
import { isShallow } from "./limits.ts";

/** A decoded JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

type Reviver = (
  key: string,
  value: unknown,
  context?: { readonly source?: string },
) => unknown;

interface ExactJson {
  parse(text: string, reviver: Reviver): unknown;
  rawJSON(text: string): unknown;
}

/**
 * V8 hands the reviver a number's source text and writes raw JSON; the compiler's
 * library does not know either yet.
 */
const EXACT_JSON = JSON as unknown as ExactJson;

/** No position or count has more; turning digits into a bigint is not linear. */
const DIGITS_MAX = 40;

/** More than any store takes as one value; what is longer is not looked at. */
const TEXT_LENGTH_MAX = 1_572_864;

/** Shorter numbers always fit into a double, so that most texts need no reviver. */
const LONG_INTEGER = /[0-9]{16}/;

/**
 * The value that `text` spells, or `undefined` if it is no JSON, longer than
 * 1.5 Mi characters, or nested in more than 100 levels.
 *
 * Whole numbers beyond 2^53 come back as bigint.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(parseJson("[1]"), [1]);
 * assert.equal(parseJson("9007199254740993"), 9007199254740993n);
 * assert.equal(parseJson("{"), undefined);
 * ```
 */
export function parseJson(text: string): unknown {
  // Nothing is the text of most keys that are absent; an exception is not cheap.
  if (text === "" || text.length > TEXT_LENGTH_MAX) return undefined;
  try {
    const value: unknown = LONG_INTEGER.test(text)
      ? EXACT_JSON.parse(text, keepExact)
      : JSON.parse(text);
    return isShallow(value) ? value : undefined;
  } catch {
    // No JSON, or nested too deeply: both are "not readable" for every key.
    return undefined;
  }
}

/** The JSON object that `text` spells, or `null`. */
export function parseJsonObject(text: string): JsonObject | null {
  return asObject(parseJson(text));
}

/** `value` if it is an object (no array), else `null`. */
export function asObject(value: unknown): JsonObject | null {
  if (typeof value !== "object" || value === null) return null;
  return Array.isArray(value) ? null : value as JsonObject;
}

/**
 * Compact JSON; bigints become numbers, `undefined` fields are left out.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(encodeJson({ a: 5n, b: undefined, c: "x" }), '{"a":5,"c":"x"}');
 * ```
 */
export function encodeJson(value: JsonObject | readonly unknown[]): string {
  return JSON.stringify(
    value,
    (_key, item) =>
      typeof item === "bigint" ? EXACT_JSON.rawJSON(String(item)) : item,
  );
}

/** `value` if it is non-empty text, else `null`. */
export function readText(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** Text form of text, a number or a boolean; `null` for anything else. */
export function readScalarText(value: unknown): string | null {
  switch (typeof value) {
    case "string":
    case "number":
    case "bigint":
    case "boolean":
      return String(value);
    default:
      return null;
  }
}

/** The list's texts; everything else in it is skipped. Not a list: `null`. */
export function readTexts(value: unknown): readonly string[] | null {
  if (!Array.isArray(value)) return null;
  return value.filter((item): item is string => typeof item === "string");
}

/**
 * Whole number, also from decimal text; a fraction is cut off. `null` if `value`
 * is none.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(readWhole(" 12 "), 12n);
 * assert.equal(readWhole("12x"), null);
 * ```
 */
export function readWhole(value: unknown): bigint | null {
  if (typeof value === "bigint") return value;
  if (typeof value === "number") {
    return Number.isFinite(value) ? BigInt(Math.trunc(value)) : null;
  }
  if (typeof value !== "string") return null;
  const text = value.trim();
  return /^[-+]?[0-9]{1,20}$/.test(text)
    ? BigInt(text.startsWith("+") ? text.slice(1) : text)
    : null;
}

/** Like {@link readWhole}, for values that fit into a number. */
export function readCount(value: unknown): number | null {
  const whole = readWhole(value);
  if (whole === null) return null;
  const count = Number(whole);
  return Number.isSafeInteger(count) ? count : null;
}

/** A known WAL position; 0 and everything unreadable is "unknown", `null`. */
export function readLsn(value: unknown): Lsn | null {
  const whole = readWhole(value);
  return whole !== null && whole > 0n && whole < 1n << 64n ? lsn(whole) : null;
}

function keepExact(
  _key: string,
  value: unknown,
  context?: { readonly source?: string },
): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? "";
  const isWhole = source.length <= DIGITS_MAX && /^-?[0-9]+$/.test(source);
  return isWhole ? BigInt(source) : value;
}
