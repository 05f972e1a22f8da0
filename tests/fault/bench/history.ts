/** What the recorder writes down, one line of JSON for each attempt to write. */
import { closeSync, openSync, readSync } from "node:fs";

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
    /** Where its WAL ended just before the commit, in PostgreSQL's text. */
    readonly lsn: string;
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

/** A recorder's file while it grows; a half-written last line waits for its rest. */
export class HistoryFile {
  readonly #path: string;
  readonly #attempts: Attempt[] = [];
  #offset = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** All attempts so far. The same list each time, so that its length is a moment in the run. */
  read(): readonly Attempt[] {
    for (;;) {
      const chunk = this.#chunk();
      const end = chunk.lastIndexOf(NEWLINE) + 1;
      if (end === 0) return this.#attempts;
      this.#offset += end;
      const text = new TextDecoder().decode(chunk.subarray(0, end));
      for (const line of text.trimEnd().split("\n")) {
        this.#attempts.push(JSON.parse(line));
      }
    }
  }

  #chunk(): Uint8Array {
    try {
      const file = openSync(this.#path, "r");
      const bytes = new Uint8Array(CHUNK_BYTES);
      const length = readSync(file, bytes, 0, CHUNK_BYTES, this.#offset);
      closeSync(file);
      return bytes.subarray(0, length);
    } catch (error) {
      if (
        error instanceof Error && "code" in error && error.code === "ENOENT"
      ) {
        return new Uint8Array();
      }
      throw error;
    }
  }
}

const NEWLINE = 10;
const CHUNK_BYTES = 1_048_576;

/** The acknowledged attempts of some lanes (all, if none is named). */
export function acksOf(
  history: readonly Attempt[],
  lanePrefix = "",
): readonly Ack[] {
  return history.filter((attempt): attempt is Ack =>
    attempt.outcome.kind === "acked" && attempt.lane.startsWith(lanePrefix)
  );
}
