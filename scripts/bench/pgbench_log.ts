/** What `pgbench -l` writes. */

/** Times in microseconds; the end since 1970. */
export interface Transaction {
  readonly endUs: number;
  readonly tookUs: number;
}

/**
 * Source: PostgreSQL 15 manual, pgbench, "Per-Transaction Logging": client,
 * number, microseconds, script, seconds and microseconds of its end.
 */
export async function transactionsIn(
  folder: string,
): Promise<readonly Transaction[]> {
  const all: Transaction[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    const text = await Deno.readTextFile(`${folder}/${name}`);
    // The last line may be half of one.
    for (const line of text.split("\n").slice(0, -1)) {
      const [, , took, , endS, endUs] = line.split(" ").map(Number);
      if (took === undefined || endS === undefined) continue;
      all.push({ endUs: endS * 1e6 + (endUs ?? 0), tookUs: took });
    }
  }
  return all;
}

/** 99th percentile. */
export function p99(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)] ?? 0;
}
