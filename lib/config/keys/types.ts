/** The types of values that keys have, by the name of what they take. */
import {
  type BaseUnit,
  isTruthyFlag,
  parseBool,
  parseInteger,
} from "../../core/base/scalars.ts";
import {
  type ConfigMap,
  textForm,
} from "../../core/calc/documents/config_merge.ts";
import * as read from "../fields.ts";
import * as checks from "../validate/checks.ts";
import type { ValueType } from "./key.ts";

/** Text that is not empty. */
export const text: ValueType<string> = {
  read: read.text,
  check: checks.string,
  variable: "text",
};

/** Text; an empty one, as an empty variable sets it, counts as missing. */
export const textOrNone: ValueType<string | null> = orNone(text);

/** Set or not, by the looser rule: any text but the empty one is true. */
export const flag: ValueType<boolean> = {
  read: isTruthyFlag,
  check: checks.boolean,
  variable: "bool",
  doubt: (value, path) =>
    typeof value === "string" && /^(?:false|off|no|0)$/i.test(value)
      ? `${path} is the text "${value}" and counts as true; ` +
        "write it without quotes"
      : null,
};

/** True or false by the words of both; what is neither is false. */
export const truth: ValueType<boolean> = {
  read: (value) => parseBool(value) ?? false,
  check: checks.boolean,
  variable: "bool",
};

/** The same, but what is neither is refused. */
export const strictTruth: ValueType<boolean> = {
  ...truth,
  read: (value) => parseBool(value) ?? new read.Wanted("true or false"),
};

/** Anything, as it is. */
export const anything: ValueType<unknown> = {
  read: (value) => value,
  check: null,
  variable: "text",
};

/** Whole number within bounds, also as text with a unit. */
export function integer(bounds: read.Bounds = {}): ValueType<number> {
  return {
    read: read.integer(bounds),
    check: checks.integer(bounds),
    variable: "int",
  };
}

/** Whole number from 0. */
export const count: ValueType<number> = integer({ min: 0 });

/** A whole number that nothing uses: only a warning tells that it is none. */
export function unusedInteger(
  bounds: { readonly min: number; readonly unit?: BaseUnit },
): ValueType<number> {
  return {
    ...integer(bounds),
    doubt: (value, path) =>
      parseInteger(value) === null && bounds.unit === undefined
        ? `${path} is not a whole number: ${textForm(value)}, it is ignored`
        : null,
  };
}

/** Whole seconds from 1 to an hour, as milliseconds. */
export const secondsMs: ValueType<number> = {
  ...changed(
    integer({ min: 1, max: 3_600, unit: "s" }),
    (seconds) => seconds * 1000,
  ),
  check: null,
};

/** Seconds, also parts of them or with a unit, as milliseconds. */
export const durationMs: ValueType<number> = {
  read: read.durationMs,
  check: null,
  variable: "text",
};

/** TCP port. */
export const port: ValueType<number> = {
  read: read.port,
  check: checks.integer({ min: 1, max: 65_535 }),
  variable: "text",
};

/** List of texts. */
export const textList: ValueType<readonly string[]> = {
  read: read.textList,
  check: checks.list(checks.string),
  variable: "list",
};

/** List of texts, or one text with commas. */
export const textListOrCommas: ValueType<readonly string[]> = {
  read: read.textListOrCommas,
  check: checks.either(checks.string, checks.list(checks.string)),
  variable: "list",
};

/** Map of anything. */
export const map: ValueType<ConfigMap> = {
  read: read.map,
  check: checks.dictionary,
  variable: "map",
};

/** Map of texts, numbers and booleans, as they are. */
export const scalarMap: ValueType<ConfigMap> = { ...map, read: read.scalarMap };

/** The same, as texts. */
export const textMap: ValueType<Readonly<Record<string, string>>> = {
  ...map,
  read: read.textMap,
};

/** Command line, as its words. */
export const command: ValueType<readonly string[]> = {
  read: read.command,
  check: null,
  variable: "text",
};

/** One of the texts, exactly. */
export function oneOf<const T extends string>(
  choices: readonly T[],
): ValueType<T> {
  return {
    read: read.oneOf(choices),
    check: checks.oneOf(...choices),
    variable: "text",
  };
}

/** A choice of words in any case. */
export interface Words<T> {
  readonly words: Readonly<Record<string, T>>;
  /** What every other value means. */
  readonly otherwise: T;
  /** The sentence about such a value, after its text. */
  readonly doubt: (value: string) => string;
}

/** One of the words in any case; another value is replaced with a warning. */
export function wordOr<const T>(
  { words, otherwise, doubt }: Words<T>,
): ValueType<T> {
  const meaning = (value: unknown): T | undefined => {
    const word = String(value).toLowerCase();
    return Object.hasOwn(words, word) ? words[word] : undefined;
  };
  return {
    read: (value) => meaning(value) ?? otherwise,
    check: checks.oneOfAnyCase(...Object.keys(words)),
    variable: "text",
    doubt: (value) =>
      meaning(value) === undefined ? doubt(textForm(value)) : null,
  };
}

/** A type whose values are changed further. */
export function changed<A, B>(
  type: ValueType<A>,
  change: (value: A) => B | read.Wanted,
): ValueType<B> {
  const { check, variable } = type;
  return { check, variable, read: read.mapped(type.read, change) };
}

/** The same values, and null for an empty text. */
export function orNone<T>(type: ValueType<T>): ValueType<T | null> {
  return {
    ...type,
    read: (value) => value === "" ? null : type.read(value),
  };
}

/** The same values, at which Patroni's validation does not look. */
export function unchecked<T>(type: ValueType<T>): ValueType<T> {
  return { ...type, check: null };
}
