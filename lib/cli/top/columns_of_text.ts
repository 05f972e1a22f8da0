/**
 * How much of a terminal's row a text takes, and texts cut and wrapped to that.
 * What would act on the terminal is written out first (`visible`).
 *
 * Source: Unicode Standard Annex 11, "East Asian Width".
 */
import { visible } from "../../core/base/visible.ts";

/** Marks that stand on the character before them, and what is not drawn at all. */
const NO_COLUMN = /[\p{M}\u200b-\u200d\u2060-\u2064]/u;

const TWO_COLUMNS =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;

/** Of a cell; with marks a text may be longer than the columns that it takes. */
const CHARACTERS_PER_COLUMN = 4;
/** Of a text that is wrapped. */
const TEXT_LENGTH_MAX = 2_000;
const CUT = "~";

/**
 * Columns that a text takes.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(columnsOf("n1"), 2);
 * assert.equal(columnsOf("東京"), 4);
 * ```
 */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += columnsOfOne(character);
  return columns;
}

function columnsOfOne(character: string): number {
  if (character <= "~") return 1;
  if (NO_COLUMN.test(character)) return 0;
  return TWO_COLUMNS.test(character) ? 2 : 1;
}

/** One line of at most `columns`; what is cut off is marked by `~`. */
export function cut(text: string, columns: number): string {
  const bounded = text.slice(0, columns * CHARACTERS_PER_COLUMN + 1);
  const shown = visible(bounded);
  const isWhole = bounded.length === text.length;
  if (isWhole && columnsOf(shown) <= columns) return shown;
  return columns < 1 ? "" : `${beginning(shown, columns - 1)}${CUT}`;
}

/** The text cut and filled up to `columns`. */
export function cell(
  text: string,
  { columns, align }: {
    readonly columns: number;
    readonly align: "left" | "right";
  },
): string {
  const shown = cut(text, columns);
  const filler = " ".repeat(Math.max(0, columns - columnsOf(shown)));
  return align === "left" ? shown + filler : filler + shown;
}

/**
 * As many lines as it takes, broken between words where that is possible; what
 * goes on stands a little to the right of the beginning.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(wrapped("  one two", 7), ["  one", "    two"]);
 * ```
 */
export function wrapped(text: string, columns: number): readonly string[] {
  const room = Math.max(1, columns);
  const shown = visible(text.slice(0, TEXT_LENGTH_MAX));
  const body = shown.trimStart();
  const indent = " ".repeat(shown.length - body.length);
  const isRoomy = (indent.length + 2) * 2 < room;
  const lines: string[] = [];
  let line = "";
  for (const word of body.split(" ")) {
    const longer = line === ""
      ? `${isRoomy ? indent : ""}${word}`
      : `${line} ${word}`;
    if (columnsOf(longer) <= room) {
      line = longer;
      continue;
    }
    if (line !== "") lines.push(line);
    const pieces = inPieces(`${isRoomy ? `${indent}  ` : ""}${word}`, room);
    lines.push(...pieces.slice(0, -1));
    line = pieces.at(-1) ?? "";
  }
  return [...lines, line];
}

function inPieces(text: string, columns: number): readonly string[] {
  const pieces: string[] = [];
  let rest = text;
  while (columnsOf(rest) > columns) {
    const piece = beginning(rest, columns) || [...rest].slice(0, 1).join("");
    pieces.push(piece);
    rest = rest.slice(piece.length);
  }
  return [...pieces, rest];
}

/** As much of the text as fits. */
function beginning(text: string, columns: number): string {
  let taken = "";
  let room = columns;
  for (const character of text) {
    room -= columnsOfOne(character);
    if (room < 0) break;
    taken += character;
  }
  return taken;
}
