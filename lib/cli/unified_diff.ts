/**
 * Differences between two texts in unified form, as `edit-config` shows them
 * and as tests search them: headers without names, three lines of context,
 * removed lines before added ones.
 *
 * Source: docs/contract/cli.md A7, "edit-config".
 */
import { diff } from "node:util";

/** One line of a comparison. */
interface Edit {
  readonly sign: " " | "-" | "+";
  readonly line: string;
}

const CONTEXT_LINES = 3;

/** The lines of the diff, none if the texts are equal. */
export function unifiedDiff(before: string, after: string): string[] {
  // Deno 2.9's diff fails on two empty lists.
  if (before === after) return [];
  const edits = editsOf(linesOf(before), linesOf(after));
  const hunks = hunkBounds(edits).map(([start, end]) =>
    hunkLines(edits, start, end)
  );
  return hunks.length === 0 ? [] : ["--- ", "+++ ", ...hunks.flat()];
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

function editsOf(before: readonly string[], after: readonly string[]): Edit[] {
  const edits: Edit[] = [];
  let added: Edit[] = [];
  // Node counts what is only in its first argument as added.
  for (const [operation, line] of diff([...after], [...before])) {
    if (operation === 1) {
      added.push({ sign: "+", line });
      continue;
    }
    if (operation === 0) {
      edits.push(...added);
      added = [];
    }
    edits.push({ sign: operation === 0 ? " " : "-", line });
  }
  return [...edits, ...added];
}

/** Start and end of each group of changes with its context. */
function hunkBounds(edits: readonly Edit[]): [number, number][] {
  const bounds: [number, number][] = [];
  for (const [index, edit] of edits.entries()) {
    if (edit.sign === " ") continue;
    const start = Math.max(0, index - CONTEXT_LINES);
    const end = Math.min(edits.length, index + CONTEXT_LINES + 1);
    const last = bounds.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = end;
    else bounds.push([start, end]);
  }
  return bounds;
}

function hunkLines(
  edits: readonly Edit[],
  start: number,
  end: number,
): string[] {
  const hunk = edits.slice(start, end);
  const rangeOf = (other: "-" | "+"): string => {
    const skipped = edits.slice(0, start).filter(({ sign }) => sign !== other);
    const length = hunk.filter(({ sign }) => sign !== other).length;
    return rangeText(skipped.length, length);
  };
  return [
    `@@ -${rangeOf("+")} +${rangeOf("-")} @@`,
    ...hunk.map(({ sign, line }) => sign + line),
  ];
}

/** Line numbers count from 1; an empty range names the line before it. */
function rangeText(skipped: number, length: number): string {
  if (length === 1) return String(skipped + 1);
  return `${length === 0 ? skipped : skipped + 1},${length}`;
}
