/** Metrics as a text for Prometheus declares them, and as a table documents them. */

/** One metric, without its samples. */
export interface MetricFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
}

/** The families of a text, by name. */
export function printedFamilies(text: string): readonly MetricFamily[] {
  const helps = new Map(
    [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map((
      [, name = "", help = ""],
    ) => [name, help]),
  );
  const families = [...text.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map((
    [, name = "", type = ""],
  ) => ({ name, type, help: helps.get(name) ?? "" }));
  return families.toSorted(byName);
}

/** The rows of `docs/monitoring/metrics.md` below one of its headings, by name. */
export async function documentedFamilies(
  chapter: "Agents" | "Proxies",
): Promise<readonly MetricFamily[]> {
  const page = new URL("../../docs/monitoring/metrics.md", import.meta.url);
  const parts = (await Deno.readTextFile(page)).split("\n## ");
  const part = parts.find((each) => each.startsWith(`${chapter}\n`)) ?? "";
  const rows = part.split("\n").filter((line) => line.startsWith("| `"));
  return rows.map((row) => {
    const [, name = "", type = "", , help = ""] = row.split("|");
    return {
      name: name.trim().slice(1, -1),
      type: type.trim(),
      help: help.trim(),
    };
  }).toSorted(byName);
}

function byName(left: MetricFamily, right: MetricFamily): number {
  return left.name < right.name ? -1 : 1;
}
