/**
 * Splits a configured command line into its words as a POSIX shell would, and
 * does nothing else of a shell: no variables, no patterns, no redirections.
 */

/**
 * The words of a command line; null if a quote is not closed.
 *
 * Source: POSIX.1-2017, Shell Command Language 2.2 (Quoting).
 */
export function splitCommand(line: string): readonly string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let rest = line;
  while (rest !== "") {
    const piece = nextPiece(rest);
    if (piece === null) return null;
    rest = rest.slice(piece.length);
    if (piece.text !== null) {
      word = (word ?? "") + piece.text;
      continue;
    }
    if (word !== null) words.push(word);
    word = null;
  }
  if (word !== null) words.push(word);
  return words;
}

interface Piece {
  readonly length: number;
  /** Null: blanks between words. */
  readonly text: string | null;
}

const BLANKS = /^\s+/;
const PLAIN = /^[^\s'"\\]+/;
const SINGLE = /^'([^']*)'/;
const DOUBLE = /^"((?:[^"\\]|\\.)*)"/s;
const ESCAPED = /^\\(.)/s;

function nextPiece(rest: string): Piece | null {
  const blanks = BLANKS.exec(rest);
  if (blanks !== null) return { length: blanks[0].length, text: null };
  const plain = PLAIN.exec(rest);
  if (plain !== null) return { length: plain[0].length, text: plain[0] };
  const quoted = SINGLE.exec(rest) ?? ESCAPED.exec(rest);
  if (quoted !== null) {
    return { length: quoted[0].length, text: quoted[1] ?? "" };
  }
  const double = DOUBLE.exec(rest);
  if (double === null) return null;
  // Between double quotes a backslash only escapes itself and the quote.
  const text = (double[1] ?? "").replace(/\\(["\\])/g, "$1");
  return { length: double[0].length, text };
}
