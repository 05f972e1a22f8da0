/** Many verdicts as one report: what broke, and how often each rule decided. */
import { SECTIONS } from "../../lib/core/decide.ts";
import type { Verdict } from "./seed.ts";

/** The sum of many seeds. */
export interface Summary {
  readonly broken: readonly Verdict[];
  readonly hits: ReadonlyMap<string, number>;
  /** Rules that no seed ever used. */
  readonly unused: readonly string[];
  readonly promotions: number;
  text(length: "short" | "long"): string;
}

/** Adds up verdicts. */
export function summarize(verdicts: readonly Verdict[]): Summary {
  const broken = verdicts.filter((verdict) => verdict.broken !== null);
  const hits = new Map<string, number>();
  for (const verdict of verdicts) {
    for (const [rule, count] of verdict.hits) {
      hits.set(rule, (hits.get(rule) ?? 0) + count);
    }
  }
  const rules = SECTIONS.flatMap((section) => section.rules);
  const unused = rules.map((rule) => rule.id).filter((id) => !hits.has(id));
  const sum = (count: (verdict: Verdict) => number): number =>
    verdicts.reduce((total, verdict) => total + count(verdict), 0);
  const text = (length: "short" | "long"): string =>
    [
      ...broken.slice(0, 60).map(({ seed, broken }) =>
        `seed ${seed}: ${broken?.detail} at ${Math.round(broken?.atMs ?? 0)} ms`
      ),
      `${broken.length} broken: ${byPromise(broken)}`,
      `${sum((v) => v.promotions)} promotions, ${
        sum((v) => v.commits)
      } commits, ${
        sum((v) => Number(v.excuse === "twin_timelines"))
      } twin timelines, ${
        sum((v) => Number(v.excuse === "interrupted_bootstrap"))
      } interrupted bootstraps`,
      ...(length === "long"
        ? [
          ...rules.map(({ id }) => `${id} ${hits.get(id) ?? 0}`),
          `never used: ${unused.join(" ")}`,
        ]
        : []),
    ].join("\n");
  const promotions = sum((verdict) => verdict.promotions);
  return { broken, hits, unused, promotions, text };
}

function byPromise(broken: readonly Verdict[]): string {
  const counts = new Map<string, number>();
  for (const verdict of broken) {
    const promise = verdict.broken?.promise ?? "";
    counts.set(promise, (counts.get(promise) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${name} ${count}`).join(", ");
}
