/** Which metrics the files of `docs/monitoring` rest on. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

const FOLDER = new URL("../../docs/monitoring/", import.meta.url);
/** What the samples of a histogram are called beyond its name. */
const HISTOGRAM_PARTS = ["_bucket", "_sum", "_count"] as const;
const FILES = ["alerts.yml", "alerts_test.yml", "dashboard.json"];

/** All metric names in the rules and the dashboard that match `kind`, sorted. */
export async function monitoredNames(
  kind: RegExp,
): Promise<readonly string[]> {
  const texts = await Promise.all(
    FILES.map((file) => readFile(new URL(file, FOLDER), "utf8")),
  );
  const words = texts.join("\n").match(/\b(?:patroni|matriarch)_[a-z_]+/g);
  const names = [...new Set(words)].filter((name) => kind.test(name)).sort();
  assert.ok(names.length > 3, `only ${names} match ${kind}`);
  return names;
}

/** Those of `names` that `metrics`, a text for Prometheus, does not declare. */
export function undeclared(
  names: readonly string[],
  metrics: string,
): readonly string[] {
  const isDeclared = (name: string): boolean =>
    metrics.includes(`\n# TYPE ${name} `);
  return names.filter((name) => {
    const part = HISTOGRAM_PARTS.find((end) => name.endsWith(end));
    return !isDeclared(name) &&
      (part === undefined || !isDeclared(name.slice(0, -part.length)));
  });
}
