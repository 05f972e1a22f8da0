/** Where the program says what it does. Implementations format, filter and mask secrets. */

/** Levels with Patroni's (Python's) names. */
export type LogLevel = "DEBUG" | "INFO" | "WARNING" | "ERROR" | "CRITICAL";

/** Named values that go with a line. */
export type LogFacts = Readonly<Record<string, unknown>>;

/** A log. `message` is a complete sentence for people; `facts` are for machines. */
export interface Log {
  debug(message: string, facts?: LogFacts): void;
  info(message: string, facts?: LogFacts): void;
  warning(message: string, facts?: LogFacts): void;
  error(message: string, facts?: LogFacts): void;
  critical(message: string, facts?: LogFacts): void;
}
