/** What the recorder writes down, one line of JSON for each attempt to write. */

/** One attempt. Times in milliseconds of the recorder's own clock. */
export interface Attempt {
  /** The row's key; unique in the whole run. */
  readonly id: string;
  /** The path that the client took, such as `vip` or `direct-n1`. */
  readonly lane: string;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly outcome: Outcome;
}

/** How an attempt ended. */
export type Outcome =
  /** Acknowledged by that member, on that timeline. */
  | {
    readonly kind: "acked";
    readonly member: string;
    readonly timeline: number;
  }
  /** Refused, or nobody knows: the row may be there or not. */
  | { readonly kind: "failed"; readonly error: string };

/** An attempt that was acknowledged. */
export type Ack = Attempt & {
  readonly outcome: Extract<Outcome, { kind: "acked" }>;
};

/** Where a lane of the recorder writes. */
export interface Lane {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** What the recorder is told. */
export interface RecorderPlan {
  readonly lanes: readonly Lane[];
  readonly output: string;
  readonly password: string;
}

/** The history in the text of a recorder's file; a half-written last line is left out. */
export function parseHistory(text: string): readonly Attempt[] {
  const lines = text.split("\n");
  lines.pop();
  return lines.map((line) => JSON.parse(line));
}

/** The acknowledged attempts of some lanes (all, if none is named). */
export function acksOf(
  history: readonly Attempt[],
  lanePrefix = "",
): readonly Ack[] {
  return history.filter((attempt): attempt is Ack =>
    attempt.outcome.kind === "acked" && attempt.lane.startsWith(lanePrefix)
  );
}
