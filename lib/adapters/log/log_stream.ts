/**
 * The log of a process: filters by level, masks secrets, formats, and hands the
 * lines to a sink. Where the lines end (stderr, rotated files) is the sink's
 * business.
 */
import { visibleBlock } from "../../core/base/visible.ts";
import type { Log, LogFacts, LogLevel } from "../../ports/log.ts";
import type { LogFormatter } from "./log_format.ts";
import { HeartbeatFilter } from "./heartbeats.ts";
import { levelNumber } from "../../patroni/log_template.ts";
import type { LogRecord } from "./log_record.ts";

/** Where lines go. Must not throw: a log that fails must not stop the work. */
export interface LogSink {
  writeLine(line: string, level?: LogLevel): void;
  /** Called when another sink took its place. */
  close?(): void;
}

/** How the lines are made. */
export interface LogStreamOptions {
  /** Lower levels are dropped; names as in `log.level`. */
  readonly level: string;
  readonly formatter: LogFormatter;
  readonly sink: LogSink;
  /** Masks secrets by their key and inside texts (`lib/config/secrets.ts`). */
  readonly redact: (value: unknown, key?: string) => unknown;
  /** Milliseconds since the epoch. */
  readonly wallTimeMs: () => number;
  /** A heartbeat equal to the one before is dropped; false if absent. */
  readonly hasHeartbeatsDeduplicated?: boolean;
}

/** The log as the rest of the program sees it. */
export class LogStream implements Log {
  #options: LogStreamOptions;
  readonly #heartbeats = new HeartbeatFilter();

  constructor(options: LogStreamOptions) {
    this.#options = options;
  }

  /** Takes over reloaded settings; the next line follows them. */
  reconfigure(options: LogStreamOptions): void {
    if (options.sink !== this.#options.sink) this.#options.sink.close?.();
    this.#options = options;
  }

  debug(message: string, facts: LogFacts = {}): void {
    this.#log("DEBUG", message, facts);
  }

  info(message: string, facts: LogFacts = {}): void {
    this.#log("INFO", message, facts);
  }

  warning(message: string, facts: LogFacts = {}): void {
    this.#log("WARNING", message, facts);
  }

  error(message: string, facts: LogFacts = {}): void {
    this.#log("ERROR", message, facts);
  }

  critical(message: string, facts: LogFacts = {}): void {
    this.#log("CRITICAL", message, facts);
  }

  #log(level: LogLevel, message: string, facts: LogFacts): void {
    const { level: wanted, formatter, sink, redact, wallTimeMs } =
      this.#options;
    if (levelNumber(level) < levelNumber(wanted)) return;
    const masked = Object.fromEntries(
      Object.entries(facts).map(([key, value]) => [key, redact(value, key)]),
    );
    const record = {
      ...{ wallTimeMs: wallTimeMs(), level, facts: masked },
      message: capped(message),
    };
    for (const each of this.#wanted(record)) {
      sink.writeLine(asEntry(String(redact(formatter(each)))), each.level);
    }
  }

  /** Who debugs wants to see everything. */
  #wanted(record: LogRecord): readonly LogRecord[] {
    const { level, hasHeartbeatsDeduplicated = false } = this.#options;
    return levelNumber(level) === levelNumber("INFO")
      ? this.#heartbeats.pass(record, hasHeartbeatsDeduplicated)
      : [record];
  }
}

/** More than any sentence of ours: what a stranger answered need not fill the disk. */
const MESSAGE_LENGTH_MAX = 8_192;

function capped(message: string): string {
  const more = message.length - MESSAGE_LENGTH_MAX;
  return more <= 0
    ? message
    : `${message.slice(0, MESSAGE_LENGTH_MAX)}... (${more} more characters)`;
}

/** Nothing in an entry can look like the beginning of another: its further lines are indented. */
function asEntry(text: string): string {
  return visibleBlock(text).replaceAll("\n", "\n    ");
}

/** The process's stderr. */
export class StderrSink implements LogSink {
  writeLine(line: string): void {
    let bytes = new TextEncoder().encode(`${line}\n`);
    try {
      while (bytes.length > 0) {
        bytes = bytes.subarray(Deno.stderr.writeSync(bytes));
      }
    } catch {
      // Nobody reads stderr any more: losing the line beats ending the agent.
    }
  }
}
