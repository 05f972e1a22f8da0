/** The results of `bench:proxy` as a table: median and spread, and the ratio to the reference. */
import type { MemorySample, Sample } from "./proxy_loads.ts";

const REFERENCES = ["haproxy-3.0", "haproxy-2.6"];

/** A Markdown table; ratios are to HAProxy 3.0, or to 2.6 where that is missing. */
export function summaryTable(
  samples: readonly Sample[],
  memory: readonly MemorySample[],
): string {
  const proxies = [...new Set(samples.map(({ proxy }) => proxy))];
  const reference = REFERENCES.find((name) => proxies.includes(name)) ?? null;
  const loads = [...new Set(samples.map(({ load }) => load))];
  const lines = [
    "| load | proxy | per second (spread) | ratio | CPU us each (spread) | ratio | p99 ms |",
    "| --- | --- | --- | --- | --- | --- | --- |",
  ];
  for (const load of loads) {
    const of = (proxy: string | null) =>
      samples.filter((s) => s.load === load && s.proxy === proxy);
    const base = of(reference);
    for (const proxy of proxies) lines.push(row(of(proxy), base));
  }
  const idle = memory.map(({ proxy, sessions, residentMb }) =>
    `| ${sessions} idle sessions | ${proxy} | | | | | ${residentMb} MB |`
  );
  return [...lines, ...idle].join("\n");
}

function row(own: readonly Sample[], base: readonly Sample[]): string {
  const [first] = own;
  if (first === undefined) return "";
  const rates = own.map(({ rate }) => rate);
  const cpus = own.map(({ cpuUs }) => cpuUs);
  const p99s = own.flatMap(({ p99Ms }) => p99Ms ?? []);
  const ratio = (mine: number, other: number): string =>
    base.length === 0 ? "" : (mine / other).toFixed(2);
  return "| " + [
    first.load,
    first.proxy,
    spread(rates, 0),
    ratio(median(rates), median(base.map(({ rate }) => rate))),
    spread(cpus, 1),
    ratio(median(cpus), median(base.map(({ cpuUs }) => cpuUs))),
    p99s.length === 0 ? "" : median(p99s).toFixed(2),
  ].join(" | ") + " |";
}

/** The middle one; of an even number the lower of both. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}

function spread(values: readonly number[], digits: number): string {
  const text = (value: number): string => value.toFixed(digits);
  const low = text(Math.min(...values));
  const high = text(Math.max(...values));
  return `${text(median(values))} (${low}-${high})`;
}
