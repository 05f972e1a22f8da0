/**
 * The vocabulary of `--validate-config`: each check looks at one value and says
 * what is wrong with it in lines `<dotted.path> <value> <reason>`. The texts are
 * an observable interface.
 *
 * Source: docs/contract/configuration.md 7.2.
 */
import { parseInteger } from "../../core/base/scalars.ts";
import type { BaseUnit } from "../../core/base/scalars.ts";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
  textForm,
} from "../../core/calc/documents/config_merge.ts";
import { redact } from "../secrets.ts";
import type { ValidationWorld } from "./world.ts";

/** Where a check stands. */
export interface Place {
  /** Dotted path; empty for the document itself. */
  readonly path: string;
  readonly world: ValidationWorld;
  /** The whole document, for checks that look aside. */
  readonly document: ConfigMap;
  /** `-i`: listen ports may be in use. */
  readonly isPortIgnored: boolean;
}

/** Looks at one value that is there. */
export type Check = (value: unknown, at: Place) => Promise<readonly string[]>;

/** One key of a map. */
export interface Field {
  readonly key: string;
  readonly isRequired: boolean;
  readonly check: Check;
}

/** Why a value cannot be used; null: it can. */
type Judge = (value: unknown) => string | null;

const WRONG_VALUE = "didn't pass validation: Wrong value";
const NOT_DEFINED = "is not defined.";

/** The line about a value; secrets are masked. */
export function line(path: string, value: unknown, reason: string): string {
  const key = path.split(".").at(-1) ?? "";
  return `${path} ${textForm(redact(value, key))} ${reason}`;
}

/** The line about a key that is missing. */
export function missing(path: string): string {
  return `${path}  ${NOT_DEFINED}`;
}

/** `didn't pass validation: <text>`. */
export function failed(text: string): string {
  return `didn't pass validation: ${text}`;
}

function judged(judge: Judge): Check {
  return (value, { path }) => {
    const reason = judge(value);
    return Promise.resolve(reason === null ? [] : [line(path, value, reason)]);
  };
}

/** A key that may be missing. */
export function optional(key: string, check: Check): Field {
  return { key, isRequired: false, check };
}

/** A key that must be there. */
export function required(key: string, check: Check): Field {
  return { key, isRequired: true, check };
}

/** Several optional keys of one kind. */
export function each(keys: string, check: Check): readonly Field[] {
  return keys.split(" ").map((key) => optional(key, check));
}

/** Text. */
export const string: Check = judged((value) =>
  typeof value === "string" ? null : "is not a string"
);

/** True or false. */
export const boolean: Check = judged((value) =>
  typeof value === "boolean" ? null : "is not a boolean"
);

/** Map of anything. */
export const dictionary: Check = judged((value) =>
  isConfigMap(value) ? null : "is not a dictionary"
);

/** Whole number, as such. */
export const integerType: Check = judged((value) =>
  Number.isInteger(value) ? null : "is not an integer"
);

/** Bounds and unit of a number. */
export interface IntegerBounds {
  readonly min?: number;
  readonly max?: number;
  readonly unit?: BaseUnit;
}

/** Whole number inside bounds, also as text. */
export function integer(bounds: IntegerBounds): Check {
  const { min = -Infinity, max = Infinity, unit } = bounds;
  return judged((value) => {
    const number = parseInteger(value, unit);
    const isInside = number !== null && number >= min && number <= max;
    return isInside ? null : WRONG_VALUE;
  });
}

/** One of the texts. */
export function oneOf(...choices: readonly string[]): Check {
  return judged((value) =>
    typeof value === "string" && choices.includes(value) ? null : WRONG_VALUE
  );
}

/** One of the texts in any case. */
export function oneOfAnyCase(...choices: readonly string[]): Check {
  return judged((value) =>
    typeof value === "string" && choices.includes(value.toLowerCase())
      ? null
      : WRONG_VALUE
  );
}

/** Not empty list. */
export function list(item: Check): Check {
  return async (value, at) => {
    if (!Array.isArray(value)) return [line(at.path, value, "is not a list")];
    if (value.length === 0) return [line(at.path, value, "is an empty list")];
    const lines: string[] = [];
    for (const [index, one] of value.entries()) {
      lines.push(...await item(one, { ...at, path: `${at.path}.${index}` }));
    }
    return lines;
  };
}

/** Map with the given keys; others are not looked at. */
export function map(...fields: readonly (Field | readonly Field[])[]): Check {
  const all: readonly Field[] = fields.flat();
  return async (value, at) => {
    if (!isConfigMap(value)) {
      return [line(at.path, value, "is not a dictionary")];
    }
    const lines: string[] = [];
    for (const { key, isRequired, check } of all) {
      const path = at.path === "" ? key : `${at.path}.${key}`;
      const item = ownValue(value, key);
      if (item === undefined || item === null) {
        if (isRequired) lines.push(missing(path));
      } else lines.push(...await check(item, { ...at, path }));
    }
    return lines;
  };
}

/** Both checks; the second only if the first has nothing to say. */
export function then(first: Check, second: Check): Check {
  return async (value, at) => {
    const lines = await first(value, at);
    return lines.length > 0 ? lines : await second(value, at);
  };
}

/** Both checks, whatever the first one says. */
export function both(first: Check, second: Check): Check {
  return async (value, at) => [
    ...await first(value, at),
    ...await second(value, at),
  ];
}

/** At least one of the keys; a line for each of them if there is none. */
export function anyOf(...keys: readonly string[]): Check {
  return (value, { path }) => {
    const hasOne = isConfigMap(value) &&
      keys.some((key) => (ownValue(value, key) ?? null) !== null);
    const prefix = path === "" ? "" : `${path}.`;
    return Promise.resolve(
      hasOne ? [] : keys.map((key) => missing(`${prefix}${key}`)),
    );
  };
}

/** The first of the checks that has nothing to say, else the first's lines. */
export function either(...checks: readonly Check[]): Check {
  return async (value, at) => {
    const said: (readonly string[])[] = [];
    for (const check of checks) {
      const lines = await check(value, at);
      if (lines.length === 0) return [];
      said.push(lines);
    }
    return said[0] ?? [];
  };
}
