/** Connects section `log` with the log adapter. */
import type { LocalConfig } from "../config/local_config.ts";
import { redact } from "../config/secrets.ts";
import { formatterFor } from "../adapters/log/log_format.ts";
import { DaemonSink } from "../adapters/log/daemon_sink.ts";
import { FileSink } from "../adapters/log/file_sink.ts";
import {
  type LogSink,
  LogStream,
  type LogStreamOptions,
  StderrSink,
} from "../adapters/log/log_stream.ts";
import type { LogTarget } from "../core/model/log_target.ts";
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

/** Where lines other than the log's own go, such as those of sessions. */
export function lineSink(target: LogTarget, app: string): LogSink {
  const fallback = new StderrSink();
  if (target.kind !== "file") return daemonSink(target, app, fallback);
  const { path } = target;
  const growing = { mode: null, rotatedFilesMax: 0, rotationSizeBytes: 0 };
  return new FileSink({ ...growing, path, fallback });
}

function daemonSink(
  target: Exclude<LogTarget, { kind: "file" }>,
  app: string,
  fallback: LogSink,
): LogSink {
  const origin = { app, hostname: Deno.hostname(), processId: Deno.pid };
  const wallTimeMs = (): number => Date.now();
  return new DaemonSink({ target, origin, fallback, wallTimeMs });
}

function sinkFor({ log }: Pick<LocalConfig, "log">): LogSink {
  const { mode, rotatedFilesMax, rotationSizeBytes, target } = log;
  const fallback = new StderrSink();
  if (target !== null && target.kind !== "file") {
    return daemonSink(target, "matriarch", fallback);
  }
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
