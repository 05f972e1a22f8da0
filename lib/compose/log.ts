/** Connects section `log` with the log adapter. */
import type { LocalConfig } from "../config/local_config.ts";
import { redact } from "../config/secrets.ts";
import { formatterFor } from "../adapters/log/log_format.ts";
import { FileSink } from "../adapters/log/file_sink.ts";
import {
  type LogSink,
  LogStream,
  type LogStreamOptions,
  StderrSink,
} from "../adapters/log/log_stream.ts";
import { withoutTrailing } from "../core/base/trailing.ts";

/** A log as the configuration wants it. */
export function createLog(
  config: Pick<LocalConfig, "log" | "name">,
): LogStream {
  return new LogStream(logOptions(config));
}

/** The log's options, for creation and reload. */
export function logOptions(
  config: Pick<LocalConfig, "log" | "name">,
): LogStreamOptions {
  const { log } = config;
  const { dateformat } = log;
  const identity = { name: "matriarch", processId: Deno.pid, dateformat };
  return {
    // One program, one logger: of all names only these two mean it.
    level: log.loggers["matriarch"] ?? log.loggers["patroni"] ?? log.level,
    formatter: formatterFor(log, identity),
    sink: sinkFor(config),
    redact,
    wallTimeMs: () => Date.now(),
    hasHeartbeatsDeduplicated: log.hasHeartbeatsDeduplicated,
  };
}

/** The file of the log; null: standard error. */
export function logFile({ dir }: LocalConfig["log"]): string | null {
  return dir === null ? null : `${withoutTrailing(dir, "/")}/patroni.log`;
}

function sinkFor({ log }: Pick<LocalConfig, "log">): LogSink {
  const { mode, rotatedFilesMax, rotationSizeBytes } = log;
  const fallback = new StderrSink();
  const path = logFile(log);
  if (path === null) return fallback;
  return new FileSink({
    path,
    mode,
    rotatedFilesMax,
    rotationSizeBytes,
    fallback,
  });
}
