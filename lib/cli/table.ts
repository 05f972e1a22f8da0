/**
 * Draws tables of text the way people's eyes and scripts know them: `+`, `-`
 * and `|`, one blank of padding, an optional title inside the top border.
 *
 * Source: docs/contract/cli.md A4 and A5.
 */

import { visible, visibleBlock } from "../core/base/visible.ts";

/** One column. */
export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
}

/** A table; each row has as many cells as there are columns. */
export interface Table {
  /** Text inside the top border; null: a plain border. */
  readonly title: string | null;
  readonly columns: readonly Column[];
  /** Cells may have several lines. */
  readonly rows: readonly (readonly string[])[];
}

/**
 * The table's lines, without an end of line at the end.
 *
 * A rule follows every row as soon as one cell has several lines.
 */
export function drawTable({ title, columns, rows }: Table): string {
  const cells = rows.map((row) =>
    row.map((cell) => visibleBlock(cell).split("\n"))
  );
  const widths = columns.map((column, index) =>
    Math.max(
      width(column.title),
      ...cells.flatMap((row) => row[index] ?? []).map(width),
    )
  );
  const rule = `+${widths.map((each) => "-".repeat(each + 2)).join("+")}+`;
  const isRuled = cells.some((row) => row.some((lines) => lines.length > 1));
  const lineOf = (texts: readonly string[]): string =>
    `|${
      columns.map(({ align }, index) =>
        ` ${padded(texts[index] ?? "", { align, width: widths[index] ?? 0 })} `
      ).join("|")
    }|`;
  const header = lineOf(columns.map((column) => column.title));
  const body = cells.flatMap((row) => [
    ...rowLines(row).map(lineOf),
    ...(isRuled ? [rule] : []),
  ]);
  if (!isRuled || body.length === 0) body.push(rule);
  return [titled(rule, title), header, rule, ...body].join("\n");
}

/** A row of many-line cells as rows of one-line cells. */
function rowLines(row: readonly (readonly string[])[]): string[][] {
  const height = Math.max(1, ...row.map((lines) => lines.length));
  return Array.from(
    { length: height },
    (_, line) => row.map((lines) => lines[line] ?? ""),
  );
}

function titled(rule: string, title: string | null): string {
  if (title === null) return rule;
  const inner = ` ${visible(title)} `.slice(0, rule.length - 2);
  return `+${inner}${rule.slice(inner.length + 1)}`;
}

function padded(
  text: string,
  { align, width: wanted }: { align: Column["align"]; width: number },
): string {
  const filler = " ".repeat(Math.max(0, wanted - width(text)));
  return align === "left" ? text + filler : filler + text;
}

/** Characters count, not UTF-16 units. */
function width(text: string): number {
  return Array.from(text).length;
}
