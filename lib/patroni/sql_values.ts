/**
 * PostgreSQL's texts in the forms that scripts know from `query`: Python's text
 * of the value, and a JSON value.
 *
 * Source: docs/contract/cli.md A7 "query"; type numbers: PostgreSQL's pg_type.dat.
 */
import { textForm } from "../core/calc/documents/config_merge.ts";
import { parseJson } from "../core/codec/json.ts";

/** One value of a result. */
export interface SqlCell {
  /** In tsv and drawn tables. */
  readonly text: string;
  /** In json and yaml. */
  readonly value: unknown;
}

const BOOL = 16;
const INTEGERS: ReadonlySet<number> = new Set([20, 21, 23, 26]);
const FLOATS: ReadonlySet<number> = new Set([700, 701]);
const JSONS: ReadonlySet<number> = new Set([114, 3802]);
const TIMESTAMPS: ReadonlySet<number> = new Set([1114, 1184]);

/** The elements' type by the array's. */
const ARRAYS: ReadonlyMap<number, number> = new Map([
  [1000, BOOL],
  [1005, 21],
  [1007, 23],
  [1009, 25],
  [1015, 25],
  [1016, 20],
  [1021, 700],
  [1022, 701],
  [1028, 26],
]);

/** The cell of a text of that type; null is SQL's NULL. */
export function sqlCell(text: string | null, type: number): SqlCell {
  const value = sqlValue(text, type);
  const isWhole = FLOATS.has(type) && Number.isInteger(value);
  return { text: isWhole ? `${value}.0` : textForm(value), value };
}

function sqlValue(text: string | null, type: number): unknown {
  if (text === null) return null;
  if (type === BOOL) return text === "t";
  if (INTEGERS.has(type)) return BigInt(text);
  if (FLOATS.has(type)) return Number(text);
  if (JSONS.has(type)) return parseJson(text) ?? text;
  if (TIMESTAMPS.has(type)) return timestampText(text);
  const element = ARRAYS.get(type);
  return element === undefined ? text : arrayOf(text, element) ?? text;
}

/** Fractions have no or six digits, zones have minutes. */
function timestampText(text: string): string {
  return text
    .replace(/\.(\d+)/, (_, digits: string) => `.${digits.padEnd(6, "0")}`)
    .replace(/([+-]\d\d)$/, "$1:00");
}

/** A flat array's elements; null for what has more dimensions. */
function arrayOf(text: string, element: number): unknown[] | null {
  const inner = /^\{(.*)\}$/s.exec(text)?.[1];
  if (inner === undefined) return null;
  if (inner === "") return [];
  const items = inner.match(/"(?:[^"\\]|\\.)*"|[^",{}]+/gs) ?? [];
  const isFlat = items.join(",") === inner;
  if (!isFlat) return null;
  return items.map((item) => {
    if (item === "NULL") return null;
    const plain = item.startsWith('"')
      ? item.slice(1, -1).replace(/\\(.)/gs, "$1")
      : item;
    return sqlValue(plain, element);
  });
}
