/** One log line before it is text. */
import type { LogFacts, LogLevel } from "../../ports/log.ts";

/** What happened, when, and how bad it is. */
export interface LogRecord {
  /** Milliseconds since the epoch. */
  readonly wallTimeMs: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly facts: LogFacts;
}
