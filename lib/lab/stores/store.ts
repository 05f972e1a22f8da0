/**
 * A store that a lab can bring along: the real server, on loopback, as small as
 * it can be. A new one is one file here and one line in `all.ts`.
 */
import type { PortUse } from "../ports.ts";

/** A part of a configuration file. */
export type Section = Readonly<Record<string, unknown>>;

/** Where a store may put its files and its ports. */
export interface StorePlace {
  /** Of the lab; not there yet. */
  readonly directory: string;
  /** The first of ten ports. */
  readonly firstPort: number;
  /** Folder of PostgreSQL's programs. */
  readonly binDir: string;
  readonly password: string;
  /** How many there are: m1, m2 ... */
  readonly members: number;
}

/** A store as it will be. */
export interface StorePlan {
  /** What leads members and proxies there. */
  readonly section: Section;
  /** Variables that whoever uses the section needs besides; absent: none. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports: readonly PortUse[];
  /**
   * Starts it and waits until it serves; null: there is no server.
   *
   * @throws {LabTimeoutError} If that takes too long.
   */
  readonly start: (() => Promise<RunningStore>) | null;
}

/** A store that serves. */
export interface RunningStore {
  readonly stop: () => Promise<void>;
}

/** A program that must be there, and what brings it. */
export type Need =
  & { readonly isThere: () => boolean }
  & (
    | { readonly package: string }
    /** There is no package: a sentence that says what to do. */
    | { readonly advice: string }
  );

/** A kind of store. */
export interface LabStore {
  /** As `--dcs` names it. */
  readonly name: string;
  /** A few words for `--help`. */
  readonly what: string;
  readonly needs: readonly Need[];
  readonly plan: (place: StorePlace) => StorePlan;
}
