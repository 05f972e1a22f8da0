/**
 * Readers for single values: each turns one untyped value into a typed one or
 * says what is wanted. `keys/types.ts` makes the types of keys of them.
 */
import {
  type BaseUnit,
  parseInteger,
  parseReal,
} from "../core/base/scalars.ts";
import { TIMER_MS_MAX } from "../core/base/units.ts";
import {
  type ConfigMap,
  isConfigMap,
} from "../core/calc/documents/config_merge.ts";
import { parsePort } from "./addresses.ts";
import { splitCommand } from "./options.ts";

/** One value that does not fit, seen from the value that was read. */
export interface Misfit {
  /** Keys and indexes below that value; empty: the value itself. */
  readonly path: readonly string[];
  /** What it should have been, as the end of "wanted ...". */
  readonly wanted: string;
}

/** What a value should have been, or values below it. */
export class Wanted {
  readonly misfits: readonly Misfit[];

  constructor(wanted: string | readonly Misfit[]) {
    this.misfits = typeof wanted === "string" ? [{ path: [], wanted }] : wanted;
  }

  /** What is wanted first. */
  get text(): string {
    return this.misfits[0]?.wanted ?? "";
  }
}

/** Reads one value. */
export type Read<T> = (value: unknown) => T | Wanted;

/** Bounds of a number, both included. */
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
  /** Unit of the result, accepted in texts. */
  readonly unit?: BaseUnit;
}

/** What does not fit of a result; none of a value. */
export function misfitsOf(result: unknown): readonly Misfit[] {
  return result instanceof Wanted ? result.misfits : [];
}

/** Non-empty text; a number counts as its digits, a boolean does not. */
export function text(value: unknown): string | Wanted {
  if (typeof value === "string" && value !== "") return value;
  if (typeof value === "number") return String(value);
  return typeof value === "boolean"
    ? new Wanted(
      "a text (put it in quotes: YAML reads yes, no, on, off as booleans)",
    )
    : new Wanted("a text that is not empty");
}

/** Command line, as the words that shell quoting rules make of it. */
export function command(value: unknown): readonly string[] | Wanted {
  const line = text(value);
  if (line instanceof Wanted) return line;
  return splitCommand(line) ?? new Wanted("a command with closed quotes");
}

/** Whole number within bounds, by the lenient integer parser. */
export function integer(bounds: Bounds = {}): Read<number> {
  const { min = -Infinity, max = Infinity, unit } = bounds;
  return (value) => {
    const number = parseInteger(value, unit);
    const isInside = number !== null && number >= min && number <= max;
    return isInside ? number : new Wanted(integerText(bounds));
  };
}

/** Seconds as number or text, or text with a time unit, as milliseconds. */
export function durationMs(value: unknown): number | Wanted {
  const seconds = parseReal(value);
  const ms = seconds === null ? parseInteger(value, "ms") : seconds * 1000;
  return ms !== null && ms >= 0 && ms <= TIMER_MS_MAX ? ms : new Wanted(
    'seconds, or a text with a time unit such as "500ms", at most 24 days',
  );
}

/** TCP port. */
export function port(value: unknown): number | Wanted {
  return parsePort(value) ?? new Wanted("a port from 1 to 65535");
}

/** List of texts. */
export function textList(value: unknown): readonly string[] | Wanted {
  const wanted = new Wanted("a list of texts");
  if (!Array.isArray(value)) return wanted;
  const texts = value.map(text).filter((item) => typeof item === "string");
  return texts.length === value.length ? texts : wanted;
}

/** List of texts, or one text with commas. */
export function textListOrCommas(value: unknown): readonly string[] | Wanted {
  if (typeof value !== "string") return textList(value);
  return value.split(",").map((item) => item.trim()).filter(Boolean);
}

/** Map of any content. */
export function map(value: unknown): ConfigMap | Wanted {
  return isConfigMap(value) ? value : new Wanted("a map");
}

/** Map whose values are scalars or null, as they are. */
export function scalarMap(value: unknown): ConfigMap | Wanted {
  const isFlat = isConfigMap(value) &&
    Object.values(value).every((item) =>
      isAbsent(item) || typeof item !== "object"
    );
  return isFlat ? value : new Wanted("a map of texts, numbers or booleans");
}

/** Map whose values are scalars, as their texts. */
export function textMap(
  value: unknown,
): Readonly<Record<string, string>> | Wanted {
  const wanted = new Wanted("a map of texts");
  if (!isConfigMap(value)) return wanted;
  const entries: [string, string][] = [];
  for (const [key, item] of Object.entries(value)) {
    if (isAbsent(item)) continue;
    if (typeof item === "object") return wanted;
    entries.push([key, String(item)]);
  }
  return Object.fromEntries(entries);
}

/** One of the given texts, compared exactly. */
export function oneOf<const T extends string>(choices: readonly T[]): Read<T> {
  return (value) =>
    choices.find((choice) => choice === value) ??
      new Wanted(`one of ${choices.join(", ")}`);
}

/** Value of a reader changed further. */
export function mapped<A, B>(
  read: Read<A>,
  change: (value: A) => B | Wanted,
): Read<B> {
  return (value) => {
    const result = read(value);
    return result instanceof Wanted ? result : change(result);
  };
}

/** Whether a key is missing or null, which files use for the same thing. */
export function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

function integerText({ min, max, unit }: Bounds): string {
  const range = [
    min === undefined ? "" : ` from ${min}`,
    max === undefined ? "" : ` to ${max}`,
  ].join("");
  return `a whole number${range}${unit === undefined ? "" : ` in ${unit}`}`;
}
