/**
 * Reads booleans, flags and numbers with units out of untyped documents.
 *
 * This file decides which texts count as true, and what `8kB` or `1.5h` is in
 * the unit that the caller works in. It never fails: text that cannot be read
 * is `null`, and the caller knows its own default.
 */

/** A unit in which a caller wants a number; a leading count scales it. */
export type BaseUnit =
  | "B"
  | "kB"
  | "8kB"
  | "MB"
  | "16MB"
  | "us"
  | "ms"
  | "s"
  | "min";

interface Unit {
  /** Size in the smallest unit of its family (bytes, microseconds). */
  readonly size: number;
  readonly family: "memory" | "time";
  /** Size of the next smaller unit, to which a value is rounded first. */
  readonly smallerSize: number;
}

interface LeadingNumber {
  readonly value: number;
  readonly rest: string;
}

const KIB = 1024;
const MEMORY_SIZES = [1, KIB, KIB ** 2, KIB ** 3, KIB ** 4];
const TIME_SIZES = [1, 1000, 1e6, 60e6, 3600e6, 86400e6];

const UNITS: ReadonlyMap<string, Unit> = new Map([
  ...unitFamily("memory", ["B", "kB", "MB", "GB", "TB"], MEMORY_SIZES),
  ...unitFamily("time", ["us", "ms", "s", "min", "h", "d"], TIME_SIZES),
]);

const TRUE_TEXTS: ReadonlySet<string> = new Set(["on", "true", "yes", "1"]);
const FALSE_TEXTS: ReadonlySet<string> = new Set(["off", "false", "no", "0"]);

/**
 * Boolean that a value spells, or `null` when it spells none.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(parseBool("On"), true);
 * assert.equal(parseBool(0), false);
 * assert.equal(parseBool("maybe"), null);
 * ```
 *
 * Source: Patroni 4.1.4 `utils.py`, parse_bool.
 */
export function parseBool(value: unknown): boolean | null {
  const text = scalarText(value)?.toLowerCase() ?? "";
  if (TRUE_TEXTS.has(text)) return true;
  if (FALSE_TEXTS.has(text)) return false;
  return null;
}

/**
 * Whether a key that is only tested for presence of a value counts as set.
 *
 * Any non-empty text is set, the text `"false"` too: existing files rely on it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(isTruthyFlag("false"), true);
 * assert.equal(isTruthyFlag([]), false);
 * ```
 *
 * Source: Patroni 4.1.4, keys that it reads without parse_bool.
 */
export function isTruthyFlag(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Date) return true;
  if (typeof value === "number") return value !== 0;
  if (typeof value === "object" && value !== null) {
    return Object.keys(value).length > 0;
  }
  return Boolean(value);
}

/**
 * Whole number that a value spells, in `baseUnit`; `null` when it spells none.
 *
 * Octal and hexadecimal are read as C's strtol reads them, fractions are
 * rounded half to even. A unit in the text is only accepted with `baseUnit`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(parseInteger("0x10"), 16);
 * assert.equal(parseInteger("1500ms", "s"), 2);
 * assert.equal(parseInteger("5min"), null);
 * ```
 *
 * Source: Patroni 4.1.4 `utils.py`, parse_int; PostgreSQL 17 manual, "Numeric
 * with Unit".
 */
export function parseInteger(
  value: unknown,
  baseUnit?: BaseUnit,
): number | null {
  const real = parseReal(value, baseUnit);
  return real === null ? null : roundHalfEven(real);
}

/**
 * Number that a value spells, in `baseUnit`, not rounded to a whole one.
 *
 * A text with a unit is still rounded to the next smaller unit, as PostgreSQL
 * does. `null` when the value spells no number.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(parseReal("0.5"), 0.5);
 * assert.equal(parseReal("500us", "ms"), 0.5);
 * ```
 *
 * Source: PostgreSQL 17 `guc.c`, convert_to_base_unit.
 */
export function parseReal(value: unknown, baseUnit?: BaseUnit): number | null {
  const real = realOf(value, baseUnit);
  // More digits than a number holds spell infinity, which is nobody's setting.
  return real !== null && Number.isFinite(real) ? real : null;
}

function realOf(value: unknown, baseUnit?: BaseUnit): number | null {
  const leading = leadingNumber(scalarText(value)?.trim() ?? "");
  if (leading === null) return null;
  const unitName = leading.rest.trim();
  if (unitName === "") return leading.value;
  if (baseUnit === undefined) return null;
  return convert(leading.value, unitName, baseUnit);
}

/**
 * Nearest whole number; the even one when two are equally near.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(roundHalfEven(2.5), 2);
 * assert.equal(roundHalfEven(-1.5), -2);
 * ```
 */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  if (fraction < 0.5) return floor + 0;
  if (fraction > 0.5) return floor + 1 + 0;
  return (floor % 2 === 0 ? floor : floor + 1) + 0;
}

function unitFamily(
  family: Unit["family"],
  names: readonly string[],
  sizes: readonly number[],
): [string, Unit][] {
  return names.map((name, index) => {
    const size = sizes[index] ?? 1;
    return [name, { family, size, smallerSize: sizes[index - 1] ?? 0 }];
  });
}

function scalarText(value: unknown): string | null {
  if (typeof value === "string") return value;
  const isScalar = typeof value === "number" || typeof value === "boolean" ||
    typeof value === "bigint";
  return isScalar ? String(value) : null;
}

/**
 * A float is only read where strtol stops before `.` or an exponent, so that
 * `08` stays unreadable while `0.8` is not.
 */
function leadingNumber(text: string): LeadingNumber | null {
  const whole = /^([-+]?)(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)/i.exec(text);
  const rest = whole === null ? text : text.slice(whole[0].length);
  if (/^[-+]?\.|^e/i.test(rest)) return leadingFloat(text);
  if (whole === null) return null;
  return { value: wholeValue(whole[1] ?? "", whole[2] ?? ""), rest };
}

function leadingFloat(text: string): LeadingNumber | null {
  const match = /^[-+]?[0-9]*\.?[0-9]+(?:e[-+]?[0-9]+)?/i.exec(text);
  if (match === null) return null;
  const value = Number(match[0]);
  if (!Number.isFinite(value)) return null;
  return { value, rest: text.slice(match[0].length) };
}

function wholeValue(sign: string, digits: string): number {
  const isHex = /^0x/i.test(digits);
  const isOctal = !isHex && digits.length > 1 && digits.startsWith("0");
  const magnitude = Number(isOctal ? `0o${digits.slice(1)}` : digits);
  return sign === "-" ? 0 - magnitude : magnitude;
}

function convert(
  value: number,
  unitName: string,
  baseUnit: BaseUnit,
): number | null {
  const unit = UNITS.get(unitName);
  const base = /^([0-9]*)([A-Za-z]+)$/.exec(baseUnit);
  const target = UNITS.get(base?.[2] ?? "");
  if (unit === undefined || target === undefined) return null;
  if (unit.family !== target.family) return null;
  const targetSize = target.size * Number(base?.[1] || 1);
  if (unit.smallerSize === 0) return value * unit.size / targetSize;
  const smaller = roundHalfEven(value * (unit.size / unit.smallerSize));
  return smaller * unit.smallerSize / targetSize;
}
