/**
 * Prints rows in the format that was asked for. The machine formats are as
 * binding as the table: scripts read them.
 *
 * Source: docs/contract/cli.md A4.
 */
import { pythonJson } from "../patroni/python_json.ts";
import { visible, visibleBlock } from "../core/base/visible.ts";
import { isConfigMap, textForm } from "../core/calc/documents/config_merge.ts";
import type { Row, RowColumn, Rows } from "./member_rows.ts";
import { shortReason } from "./member_rows.ts";
import { drawTable } from "./table.ts";
import { toFlowYaml, toYaml } from "../patroni/yaml_text.ts";

/** How rows are printed; `topology` is `pretty` with tags on one line. */
export type OutputFormat = "pretty" | "topology" | "tsv" | "json" | "yaml";

/** How rows of one command are printed. */
export interface PrintOptions {
  readonly format: OutputFormat;
  /** Inside the top border; null: none. */
  readonly title: string | null;
  /** Whether json and yaml leave out cells without text. */
  readonly emptyCells: "kept" | "left_out";
}

/** The format that the user's choice means. */
export function outputFormat(choice: string | null): OutputFormat {
  switch (choice) {
    case "tsv":
    case "json":
    case "topology":
      return choice;
    case "yaml":
    case "yml":
      return "yaml";
    default:
      return "pretty";
  }
}

/** The rows as text that ends in a newline. */
export function printedRows(rows: Rows, options: PrintOptions): string {
  switch (options.format) {
    case "json":
      return `${pythonJson(objects(rows, options))}\n`;
    case "yaml":
      return `${visibleBlock(toYaml(objects(rows, options)))}\n`;
    case "tsv":
      return tsvText(rows);
    case "pretty":
    case "topology":
      return `${tableText(rows, options)}\n`;
  }
}

function objects({ columns, rows }: Rows, { emptyCells }: PrintOptions): Row[] {
  return rows.map((row) => {
    const cells = columns.map(({ name }) => [name, row[name] ?? null] as const);
    const kept = emptyCells === "kept"
      ? cells
      : cells.filter(([, cell]) => textForm(cell) !== "");
    return Object.fromEntries(kept);
  });
}

function tsvText({ columns, rows }: Rows): string {
  const lines = rows.map((row) =>
    columns.map(({ name }) => cellText(name, row[name], "flow")).join("\t")
  );
  const header = columns.map(({ name }) => name).join("\t");
  return [header, ...lines].map((line) => `${line}\n`).join("");
}

/** The cluster's name and group stand in the title. */
function isDrawn({ name }: RowColumn): boolean {
  return name !== "Cluster" && name !== "Group";
}

function tableText({ columns, rows }: Rows, options: PrintOptions): string {
  const drawn = columns.filter(isDrawn);
  const tagsForm = options.format === "topology" ? "flow" : "block";
  return drawTable({
    title: options.title,
    columns: drawn,
    rows: rows.map((row) =>
      drawn.map(({ name }) => {
        const text = cellText(name, row[name], tagsForm);
        return name === "Pending restart reason" ? shortReason(text) : text;
      })
    ),
  });
}

/** Cells that have several lines by themselves. */
const MANY_LINES: ReadonlySet<string> = new Set([
  "Pending restart reason",
  "Scheduled restart",
]);

function cellText(
  name: string,
  value: unknown,
  tagsForm: "flow" | "block",
): string {
  if (name !== "Tags" || !isConfigMap(value)) {
    const text = textForm(value);
    return MANY_LINES.has(name) ? visibleBlock(text) : visible(text);
  }
  return visibleBlock(
    tagsForm === "flow" ? toFlowYaml(value) : toYaml(value).trimEnd(),
  );
}
