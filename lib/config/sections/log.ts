/** Section `log`: what is logged, how, and where to. Source: docs/contract/configuration.md 3.2. */
import type * as z from "zod";
import {
  flag,
  integer,
  map,
  oneOf,
  optional,
  optionalText,
  section,
  textMap,
  Wanted,
} from "../fields.ts";
import type { LogConfig, LogLevel } from "../local_config.ts";

const DEFAULT_FORMAT = "%(asctime)s %(levelname)s: %(message)s";
const LEVELS: readonly LogLevel[] = [
  "DEBUG",
  "INFO",
  "WARN",
  "WARNING",
  "ERROR",
  "FATAL",
  "CRITICAL",
];
const NO_TEXTS: Readonly<Record<string, string>> = {};

const count = integer({ min: 0 });

/** Schema of the section `log`. */
export const logSection: z.ZodType<LogConfig> = section({
  type: optional<unknown, string>((value) => value, "plain"),
  level: optional<LogLevel, LogLevel>(oneOf(LEVELS), "INFO"),
  traceback_level: optional<unknown, string>((value) => value, "ERROR"),
  format: optional(readFormat, DEFAULT_FORMAT),
  dateformat: optionalText(),
  static_fields: optional(map, {}),
  max_queue_size: optional(integer({ min: 1 }), 1000),
  dir: optionalText(),
  mode: optional(integer({ min: 0, max: 0o777 }), null),
  file_num: optional(count, 4),
  file_size: optional(count, 25_000_000),
  loggers: optional(textMap, NO_TEXTS),
  deduplicate_heartbeat_logs: flag(),
}).transform((raw): LogConfig => ({
  type: raw.type === "json" ? "json" : "plain",
  level: raw.level,
  isTracebackAtDebug: String(raw.traceback_level).toLowerCase() === "debug",
  format: raw.format,
  dateformat: raw.dateformat,
  staticFields: raw.static_fields,
  queueSizeMax: raw.max_queue_size,
  dir: raw.dir,
  mode: raw.mode,
  rotatedFilesMax: raw.file_num,
  rotationSizeBytes: raw.file_size,
  loggers: raw.loggers,
  hasHeartbeatsDeduplicated: raw.deduplicate_heartbeat_logs,
}));

function readFormat(value: unknown): string | readonly unknown[] | Wanted {
  if (typeof value === "string") return value === "" ? DEFAULT_FORMAT : value;
  return Array.isArray(value) ? value : new Wanted("a text or a list");
}
