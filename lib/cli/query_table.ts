/**
 * Prints the answer of `query`: unlike other tables it may have two columns of
 * one name, and any delimiter.
 *
 * Source: docs/contract/cli.md A4, A7 "query".
 */
import { pythonJson } from "../patroni/python_json.ts";
import { visible, visibleBlock } from "../core/base/visible.ts";
import type { SqlCell } from "../patroni/sql_values.ts";
import { drawTable } from "./table.ts";
import { toYaml } from "../patroni/yaml_text.ts";

/** Cells by row, with the names of their columns; null: they have none. */
export interface QueryTable {
  readonly names: readonly string[] | null;
  readonly cells: readonly (readonly SqlCell[])[];
}

/** How it is printed; an unknown format prints nothing. */
export interface QueryFormat {
  readonly format: string;
  /** Between the columns of tsv. */
  readonly delimiter: string;
}

/** The table as text that ends in a newline. */
export function tableText(
  table: QueryTable,
  { format, delimiter }: QueryFormat,
): string {
  // Values and names of columns are the server's; lines of a value stay lines.
  const texts = table.cells.map((row) =>
    row.map(({ text }) => visibleBlock(text))
  );
  const names = table.names?.map(visible) ?? null;
  switch (format) {
    case "tsv": {
      const lines = names === null ? texts : [names, ...texts];
      return lines.map((line) => `${line.join(delimiter)}\n`).join("");
    }
    case "pretty":
      return `${drawn({ ...table, names }, texts)}\n`;
    case "json":
      return `${pythonJson(objects(table))}\n`;
    case "yaml":
    case "yml":
      return `${visibleBlock(toYaml(objects(table)))}\n`;
    default:
      return "";
  }
}

function drawn(
  { names, cells }: QueryTable,
  rows: readonly (readonly string[])[],
): string {
  const width = names?.length ?? cells[0]?.length ?? 0;
  const columns = Array.from({ length: width }, (_, index) => ({
    title: names?.[index] ?? `Field ${index + 1}`,
    align: "left" as const,
  }));
  return drawTable({ title: null, columns, rows });
}

function objects(
  { names, cells }: QueryTable,
): readonly Readonly<Record<string, unknown>>[] {
  return cells.map((row) =>
    Object.fromEntries(
      (names ?? []).map((name, index) => [name, row[index]?.value ?? null]),
    )
  );
}
