/**
 * Writes YAML exactly as people's files and scripts know it from `show-config`:
 * block style, sorted keys, list items at the indent of their key, and quotes
 * only where YAML 1.1 would otherwise read something else.
 *
 * The `yaml` package folds, quotes and escapes differently, and the diffs of
 * `edit-config` are compared line by line, so this form is made here.
 *
 * Source: docs/contract/cli.md A4; YAML 1.1 type repository; the form of PyYAML's safe dumper.
 */
import {
  type ConfigMap,
  isConfigMap,
} from "../core/calc/documents/config_merge.ts";
import { byCodePoint } from "./text_order.ts";

const WIDTH_MAX = 200;

/** Texts that YAML 1.1 reads as bool, null, merge key, value key or number. */
const OTHER_TYPES: readonly RegExp[] = [
  /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
  /^(?:~|null|Null|NULL|<<|=|!|&|\*)$/,
  /^[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$/,
  /^[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+$/,
  /^[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?$/,
  /^\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?$/,
  /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*$/,
  /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  /^\d{4}-\d\d-\d\d$/,
  /^\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?$/,
];

const FIRST_INDICATORS = "#,[]{}&*!|>'\"%@`";

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\0", "0"],
  ["\x07", "a"],
  ["\b", "b"],
  ["\t", "t"],
  ["\n", "n"],
  ["\x0b", "v"],
  ["\f", "f"],
  ["\r", "r"],
  ["\x1b", "e"],
  ['"', '"'],
  ["\\", "\\"],
  ["\u0085", "N"],
]);

type Place = "block" | "flow" | "key";

/** Where a scalar is written, which decides its quotes and its folding. */
interface Spot {
  readonly place: Place;
  /** Column at which its text starts. */
  readonly column: number;
  /** Column at which its further lines start. */
  readonly indent: number;
}

const FLOW: Spot = { place: "flow", column: 0, indent: 0 };
const KEY: Spot = { place: "key", column: 0, indent: 0 };

/**
 * A document as block YAML, ending in a newline.
 *
 * @param value JSON-like data; dates and other objects are written as text.
 */
export function toYaml(value: unknown): string {
  if (isBlockMap(value) || isBlockList(value)) {
    return blockLines(value, 0).join("\n") + "\n";
  }
  const text = inlineText(value, { place: "block", column: 0, indent: 2 });
  // A lone plain word is closed by an explicit end of the document.
  return /^['"[{]/.test(text) ? `${text}\n` : `${text}\n...\n`;
}

/** A value as one line of flow YAML: `{a: 1, b: x}`. */
export function toFlowYaml(value: unknown): string {
  return inlineText(value, FLOW);
}

function isBlockMap(value: unknown): value is ConfigMap {
  return isConfigMap(value) && Object.keys(value).length > 0;
}

function isBlockList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length > 0;
}

function sortedEntries(map: ConfigMap): [string, unknown][] {
  return Object.entries(map).toSorted(([a], [b]) => byCodePoint(a, b));
}

function blockLines(
  value: ConfigMap | readonly unknown[],
  indent: number,
): string[] {
  if (isConfigMap(value)) {
    return sortedEntries(value).flatMap((entry) => entryLines(entry, indent));
  }
  return Object.values(value).flatMap((item) => itemLines(item, indent));
}

function entryLines([key, value]: [string, unknown], indent: number): string[] {
  const head = `${" ".repeat(indent)}${inlineText(key, KEY)}:`;
  if (isBlockMap(value)) return [head, ...blockLines(value, indent + 2)];
  if (isBlockList(value)) return [head, ...blockLines(value, indent)];
  const spot: Spot = {
    place: "block",
    column: head.length + 1,
    indent: indent + 2,
  };
  return [`${head} ${inlineText(value, spot)}`];
}

function itemLines(value: unknown, indent: number): string[] {
  const head = `${" ".repeat(indent)}- `;
  if (isBlockMap(value) || isBlockList(value)) {
    const [first = "", ...rest] = blockLines(value, indent + 2);
    return [head + first.slice(indent + 2), ...rest];
  }
  const column = indent + 2;
  return [head + inlineText(value, { place: "block", column, indent: column })];
}

function inlineText(value: unknown, spot: Spot): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "number") return numberText(value);
  if (Array.isArray(value)) {
    return `[${value.map((item) => inlineText(item, FLOW)).join(", ")}]`;
  }
  if (isConfigMap(value)) {
    const entries = sortedEntries(value).map(([key, item]) =>
      `${inlineText(key, FLOW)}: ${inlineText(item, FLOW)}`
    );
    return `{${entries.join(", ")}}`;
  }
  return typeof value === "string" ? stringText(value, spot) : String(value);
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
  const text = String(value).replace(/e([-+])(\d)$/, "e$10$2");
  return /^-?\d+e/.test(text) ? text.replace("e", ".0e") : text;
}

function stringText(text: string, spot: Spot): string {
  const isOneLine = spot.place !== "block";
  if (isPlainAllowed(text, spot.place)) {
    return isOneLine ? text : folded(text, spot).text;
  }
  const isBroken = text.includes("\n");
  const isQuotable = !hasSpecial(text) && !/ \n|\n /.test(text) &&
    !(isBroken && spot.place === "key");
  if (!isQuotable) return `"${Array.from(text, escaped).join("")}"`;
  return isOneLine && !isBroken
    ? `'${text.replaceAll("'", "''")}'`
    : singleQuoted(text, spot);
}

function isPlainAllowed(text: string, place: Place): boolean {
  if (text === "" || OTHER_TYPES.some((type) => type.test(text))) return false;
  if (/^(?:---|\.\.\.| )| $|\n/.test(text) || hasSpecial(text)) return false;
  if (FIRST_INDICATORS.includes(text[0] ?? "")) return false;
  if (/^[-?:](?: |$)|:(?: |$)| #/.test(text)) return false;
  return place !== "flow" || !/[,?[\]{}:]/.test(text);
}

/** Whether there are characters that only a double-quoted text can carry. */
function hasSpecial(text: string): boolean {
  return Array.from(text).some((character) =>
    character !== "\n" && !isPrintable(character.codePointAt(0) ?? 0)
  );
}

function isPrintable(code: number): boolean {
  if (code >= 0x20 && code <= 0x7e) return true;
  if (code === 0xfeff || code === 0x2028 || code === 0x2029) return false;
  return (code >= 0xa0 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code < 0x10ffff);
}

interface FoldedText {
  readonly text: string;
  /** Column at which it ends. */
  readonly column: number;
}

/** Breaks a text at single blanks, each time the line is wider than the limit. */
function folded(text: string, { column, indent }: Spot): FoldedText {
  let at = column;
  let result = "";
  const pieces = text.split(/( +)/);
  for (const [index, piece] of pieces.entries()) {
    const isInside = index > 0 && !(index === pieces.length - 2 &&
      pieces.at(-1) === "");
    if (piece === " " && at > WIDTH_MAX && isInside) {
      result += `\n${" ".repeat(indent)}`;
      at = indent;
      continue;
    }
    result += piece;
    at += Array.from(piece).length;
  }
  return { text: result, column: at };
}

/** Each break inside is doubled, because a single one would read as a blank. */
function singleQuoted(text: string, spot: Spot): string {
  let column = spot.column + 1;
  let result = "'";
  for (const piece of text.split(/(\n+)/)) {
    if (piece.startsWith("\n")) {
      result += "\n".repeat(piece.length + 1) + " ".repeat(spot.indent);
      column = spot.indent;
      continue;
    }
    const part = folded(piece.replaceAll("'", "''"), { ...spot, column });
    result += part.text;
    column = part.column;
  }
  return `${result}'`;
}

function escaped(character: string): string {
  const short = ESCAPES.get(character);
  if (short !== undefined) return `\\${short}`;
  const code = character.codePointAt(0) ?? 0;
  if (isPrintable(code)) return character;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff
    ? `\\u${hex.padStart(4, "0")}`
    : `\\U${hex.padStart(8, "0")}`;
}
