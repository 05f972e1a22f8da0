/** One log line before it is text, and the order of the levels. */
import type { LogFacts, LogLevel } from "../../ports/log.ts";

/** What happened, when, and how bad it is. */
export interface LogRecord {
  /** Milliseconds since the epoch. */
  readonly wallTimeMs: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly facts: LogFacts;
}

/** Python's numbers of the levels, which `%(levelno)s` shows. */
const LEVEL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ["DEBUG", 10],
  ["INFO", 20],
  ["WARN", 30],
  ["WARNING", 30],
  ["ERROR", 40],
  ["FATAL", 50],
  ["CRITICAL", 50],
]);

/** The number of a level by its configured name; INFO's for unknown names. */
export function levelNumber(name: string): number {
  return LEVEL_NUMBERS.get(name) ?? 20;
}

/** `YYYY-MM-DD HH:MM:SS,mmm` in the local zone: 23 characters. */
export function asctime(wallTimeMs: number): string {
  const date = new Date(wallTimeMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()];
  const milliseconds = String(date.getMilliseconds()).padStart(3, "0");
  return `${day.map(two).join("-")} ${time.map(two).join(":")},${milliseconds}`;
}
