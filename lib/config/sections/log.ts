/** Section `log`: what is logged, how, and where to. Source: docs/contract/configuration.md 3.2. */
import { isConfigMap } from "../../core/calc/documents/config_merge.ts";
import { Wanted } from "../fields.ts";
import type { KeyMap, ValueType } from "../keys/key.ts";
import {
  anything,
  changed,
  count,
  flag,
  integer,
  map,
  oneOf,
  textMap,
  textOrNone,
} from "../keys/types.ts";
import {
  failed,
  integerType,
  line,
  oneOf as oneOfExactly,
  oneOfAnyCase,
  type Place,
} from "../validate/checks.ts";

import { daemonTarget } from "./log_target.ts";

const DEFAULT_FORMAT = "%(asctime)s %(levelname)s: %(message)s";

const kind: ValueType<"plain" | "json"> = changed(
  anything,
  (value) => value === "json" ? "json" : "plain",
);

const format: ValueType<string | readonly unknown[]> = {
  read: (value) => {
    if (typeof value === "string") return value || DEFAULT_FORMAT;
    return Array.isArray(value) ? value : new Wanted("a text or a list");
  },
  check: checkFormat,
  variable: "log_format",
};

/** The keys of the section, in the order of Patroni's validation. */
export const LOG_KEYS = {
  type: {
    type: kind,
    fallback: "plain",
    check: oneOfExactly("plain", "json"),
    meaning: "plain, or json: one object per line",
  },
  target: {
    type: daemonTarget,
    otherwise: "log.dir, or standard error",
    check: null,
    meaning:
      "Ours: syslog, syslog:/path, syslog://host:514 (RFC 5424) or journald, in place of a file",
  },
  level: {
    type: oneOf([
      "DEBUG",
      "INFO",
      "WARN",
      "WARNING",
      "ERROR",
      "FATAL",
      "CRITICAL",
    ]),
    fallback: "INFO",
    meaning: "DEBUG, INFO, WARNING, ERROR or CRITICAL",
  },
  traceback_level: {
    type: anything,
    field: null,
    fallback: "ERROR",
    check: oneOfAnyCase("debug", "error"),
    meaning: "Accepted; errors are one line, in json with a stack trace",
  },
  format: {
    type: format,
    fallback: DEFAULT_FORMAT,
    meaning: "Template of a line; for json also a list of attributes",
  },
  dateformat: { type: textOrNone, meaning: "strftime pattern of asctime" },
  static_fields: {
    type: map,
    fallback: {},
    meaning: "Constant members of each json line",
  },
  max_queue_size: {
    type: integer({ min: 1 }),
    field: "queueSizeMax",
    fallback: 1000,
    check: integerType,
    meaning: "Accepted; lines are written at once, there is no queue",
  },
  dir: {
    type: textOrNone,
    meaning: "Directory of patroni.log; without it lines go to stderr",
  },
  file_num: {
    type: count,
    field: "rotatedFilesMax",
    fallback: 4,
    check: integerType,
    meaning: "Older files that are kept; 0: no rotation",
  },
  file_size: {
    type: count,
    field: "rotationSizeBytes",
    fallback: 25_000_000,
    check: integerType,
    meaning: "Bytes after which a file is set aside; 0: no rotation",
  },
  mode: {
    type: integer({ min: 0, max: 0o777 }),
    meaning: "Permission bits of log files",
  },
  loggers: {
    type: textMap,
    fallback: {},
    meaning: "Levels by logger; patroni and matriarch mean the whole program",
  },
  deduplicate_heartbeat_logs: {
    type: flag,
    field: "hasHeartbeatsDeduplicated",
    fallback: false,
    meaning: "Say the same heartbeat only once",
  },
} as const satisfies KeyMap;

function checkFormat(
  value: unknown,
  { path }: Place,
): Promise<readonly string[]> {
  const reason = formatReason(value);
  return Promise.resolve(
    reason === null ? [] : [line(path, value, failed(reason))],
  );
}

function formatReason(value: unknown): string | null {
  if (typeof value === "string") return null;
  if (!Array.isArray(value)) return "Should be a string or a list";
  if (value.length === 0) return "should contain at least one item";
  const isEach = value.every((item) =>
    typeof item === "string" ||
    (isConfigMap(item) && Object.keys(item).length === 1 &&
      Object.values(item).every((output) => typeof output === "string"))
  );
  return isEach
    ? null
    : "each item should be a string or a dictionary with string values";
}
