/**
 * Text of others (names, history, answers) as it may stand on a terminal or in a
 * log: what would move the cursor, change colours, turn the direction of writing
 * or begin a line is written out. Ordinary text stays as it is, byte for byte.
 */

/** Control characters, line and paragraph separators, marks of direction. */
const ACTING =
  // deno-lint-ignore no-control-regex -- control characters are the subject
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Text of one line.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(visible("n1\u001b[2J\nn2"), "n1\\u001b[2J\\u000an2");
 * assert.equal(visible("Zürich 東京"), "Zürich 東京");
 * ```
 */
export function visible(text: string): string {
  return text.replace(ACTING, written);
}

/** Text that may have several lines and tabs. */
export function visibleBlock(text: string): string {
  return text.replace(
    ACTING,
    (character) =>
      character === "\n" || character === "\t" ? character : written(character),
  );
}

/** Also right inside a JSON text. */
function written(character: string): string {
  const code = character.charCodeAt(0).toString(16).padStart(4, "0");
  return `\\u${code}`;
}
