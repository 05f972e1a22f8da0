/** Lays out the tables of keys in docs/configuration.md, between their markers. */

/** A key, as far as the page shows it. */
export interface PageKey {
  readonly path: string;
  readonly fallback: string;
  readonly scope: string;
  readonly apply: string;
  readonly meaning: string;
}

const HEAD = ["Key", "Default", "Scope", "Apply", "Meaning"];
const MARKED = /(?<=<!-- keys: (\S+) -->\n)[^]*?(?=<!-- end of keys -->)/g;

/**
 * The page with the tables that the keys make.
 *
 * @throws {Error} If a group of keys has no marker, or a marker no keys.
 */
export function withTables(page: string, keys: readonly PageKey[]): string {
  const left = new Set(keys.map(groupOf));
  const text = page.replace(
    MARKED,
    (_, group: string) => {
      const rows = keys.filter((key) => groupOf(key) === group);
      if (rows.length === 0) throw new Error(`No keys are for ${group}`);
      left.delete(group);
      return `\n${table([HEAD, ...rows.map(cellsOf)])}\n`;
    },
  );
  if (left.size === 0) return text;
  throw new Error(`No table is for the keys of ${[...left].join(", ")}`);
}

/** The section of a key; `dynamic` for those of the DCS, `member` for the rest. */
function groupOf({ path, scope }: PageKey): string {
  const [section = "", below] = path.split(".");
  if (scope === "dynamic" && section !== "postgresql") return "dynamic";
  return below === undefined && section !== "vip" ? "member" : section;
}

function cellsOf(key: PageKey): string[] {
  const code = (text: string): string => text === "" ? "" : `\`${text}\``;
  return [
    code(key.path),
    code(key.fallback),
    key.scope,
    key.apply,
    key.meaning.replaceAll("|", "\\|"),
  ];
}

/** As wide as `deno fmt` makes it. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = HEAD.map((_, at) =>
    Math.max(...rows.map((row) => (row[at] ?? "").length))
  );
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]): string =>
    `| ${
      cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")
    } |\n`;
  const rule = line(widths.map((width) => "-".repeat(width)));
  return line(head) + rule + body.map(line).join("");
}
