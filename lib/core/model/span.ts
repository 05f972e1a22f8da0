/** What took how long: a span of a trace, with those inside it, when all of it is over. */

/** What is said of a span. Whole numbers beyond 2^53 go as text. */
export type SpanAttributes = Readonly<
  Record<string, string | number | boolean>
>;

/** One that has ended; times in milliseconds since the epoch. */
export interface EndedSpan {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  /** Null: nothing went wrong. */
  readonly error: string | null;
  readonly children: readonly EndedSpan[];
}
