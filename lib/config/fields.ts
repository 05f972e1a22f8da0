/**
 * The vocabulary of the section schemas: readers for single values, and the
 * zod fields made of them.
 *
 * A reader turns one untyped value into a typed one or says what is wanted.
 * zod walks the sections and collects everything that is wanted, with paths.
 */
import * as z from "zod";
import {
  type BaseUnit,
  isTruthyFlag,
  parseBool,
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

/** What a value should have been, as the end of "wanted ...". */
export class Wanted {
  constructor(readonly text: string) {}
}

/** Reads one value that is present. */
export type Read<T> = (value: unknown) => T | Wanted;

/** Bounds of a number, both included. */
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
  /** Unit of the result, accepted in texts. */
  readonly unit?: BaseUnit;
}

/** Field that must be present. */
export function required<T>(read: Read<T>): z.ZodType<T> {
  return field(read);
}

/** Field that has `fallback` when it is missing or null. */
export function optional<T, F>(read: Read<T>, fallback: F): z.ZodType<T | F> {
  return field<T | F>((value) => isAbsent(value) ? fallback : read(value));
}

/** Field whose text `""` counts as missing, as an empty variable sets it. */
export function optionalText(): z.ZodType<string | null> {
  return field((value) => isAbsent(value) || value === "" ? null : text(value));
}

/** Field that is set or not by the looser flag rule; never a problem. */
export function flag(): z.ZodType<boolean> {
  return field((value) => isTruthyFlag(value));
}

/** Field read by the boolean parser; text that spells none is false. */
export function bool(): z.ZodType<boolean> {
  return field((value) => parseBool(value) ?? false);
}

/** Map with the given fields; a missing or null one is an empty map. */
export function section<S extends z.ZodRawShape>(
  shape: S,
): z.ZodType<z.output<z.ZodObject<S>>> {
  const object = z.object(shape, { error: "a map" });
  return z.unknown().optional().transform((value) => value ?? {}).pipe(object);
}

/** Map with the given fields that must be present. */
export function requiredSection<S extends z.ZodRawShape>(
  shape: S,
): z.ZodType<z.output<z.ZodObject<S>>> {
  return z.unknown().optional().pipe(z.object(shape, { error: "a map" }));
}

/** Null for a value that `isOff` says so, otherwise what `schema` makes of it. */
export function unless<T>(
  isOff: (value: unknown) => boolean,
  schema: z.ZodType<T>,
): z.ZodType<T | null> {
  return z.unknown().optional().transform((value, context) => {
    if (isOff(value)) return null;
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const { message, path } of result.error.issues) {
      context.issues.push({ code: "custom", message, path, input: value });
    }
    return z.NEVER;
  });
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

function field<T>(read: Read<T>): z.ZodType<T> {
  return z.unknown().optional().transform((value, context) => {
    const result = read(value);
    if (!(result instanceof Wanted)) return result;
    context.issues.push({ code: "custom", message: result.text, input: value });
    return z.NEVER;
  });
}

function integerText({ min, max, unit }: Bounds): string {
  const range = [
    min === undefined ? "" : ` from ${min}`,
    max === undefined ? "" : ` to ${max}`,
  ].join("");
  return `a whole number${range}${unit === undefined ? "" : ` in ${unit}`}`;
}
