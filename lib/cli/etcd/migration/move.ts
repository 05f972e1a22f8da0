/** A host on its way from one store to another. */
import type { Dcs } from "../../../ports/dcs.ts";
import type { Session } from "../../session.ts";
import type { MoveFiles } from "./files.ts";

/** Limits of each call of either store. */
export const LIMITS = { timeoutMs: 10_000 };

/** How it is done. */
export interface MigrateOptions {
  /** Ask nothing. */
  readonly isForced: boolean;
  /** This command starts the service anew; else the operator does it. */
  readonly restarts: boolean;
}

/** A host on its way. */
export interface Move {
  readonly session: Session;
  readonly files: MoveFiles;
  readonly scope: string;
  readonly name: string;
  readonly former: Dcs;
  readonly next: Dcs;
  readonly options: MigrateOptions;
}
