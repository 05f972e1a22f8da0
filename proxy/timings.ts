/**
 * How long things take, as histograms: a few cells for each, with bounds that
 * never change, so that counting costs two additions and grows nothing.
 *
 * Source: Prometheus manual, "Histograms and summaries".
 */

/** Upper bounds of the buckets, seconds, ascending. */
const BOUNDS_S = {
  /** Of those clients alone that had to wait: a switchover, a failover, a lost host. */
  hold: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  /** From one query to a pooler's day. */
  session: [0.01, 0.1, 1, 10, 60, 600, 3_600, 28_800],
  /** From the next rack to a host that is about to be given up. */
  dial: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
  /** Of those clients alone that had to wait for a place on a server. */
  queue: [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
} as const satisfies Readonly<Record<string, readonly number[]>>;

/** Something that takes time. */
export type Timing = keyof typeof BOUNDS_S;

/** All of them, in the order of their cells. */
export const TIMINGS: readonly Timing[] = [
  "hold",
  "session",
  "dial",
  "queue",
];

/** A histogram as Prometheus wants it. */
export interface Histogram {
  /** Seconds, ascending; one bucket more, without bound, follows. */
  readonly bounds: readonly number[];
  /** How many took at most so long; the last one: all. */
  readonly counts: readonly number[];
  /** Seconds, of all together. */
  readonly sum: number;
}

/** Cells of one: its buckets, the one without bound, the sum. */
function cellsOf(timing: Timing): number {
  return BOUNDS_S[timing].length + 2;
}

const FIRST_CELLS: Readonly<Record<Timing, number>> = {
  hold: 0,
  session: cellsOf("hold"),
  dial: cellsOf("hold") + cellsOf("session"),
  queue: cellsOf("hold") + cellsOf("session") + cellsOf("dial"),
};

/** Cells of all of them. */
export const TIMING_CELLS = FIRST_CELLS.queue + cellsOf("queue");

/** The cell of the one bucket that counts what took so long, milliseconds. */
export function bucketCell(timing: Timing, ms: number): number {
  const bounds = BOUNDS_S[timing];
  const seconds = ms / 1000;
  let at = 0;
  while (at < bounds.length && seconds > (bounds[at] ?? 0)) at++;
  return FIRST_CELLS[timing] + at;
}

/** The cell that adds up all times, milliseconds. */
export function sumCell(timing: Timing): number {
  return FIRST_CELLS[timing] + cellsOf(timing) - 1;
}

/**
 * The histogram in some cells.
 *
 * @param read The number in a cell.
 */
export function histogramIn(
  timing: Timing,
  read: (cell: number) => number,
): Histogram {
  const bounds = BOUNDS_S[timing];
  const counts: number[] = [];
  let sum = 0;
  for (let at = 0; at <= bounds.length; at++) {
    sum += read(FIRST_CELLS[timing] + at);
    counts.push(sum);
  }
  return { bounds, counts, sum: read(sumCell(timing)) / 1000 };
}
