/** Connects section `log` with the log adapter. */
import type { LocalConfig } from "../config/local_config.ts";
import { redact } from "../config/secrets.ts";
import { formatterFor } from "../adapters/log/log_format.ts";
import {
  LogStream,
  type LogStreamOptions,
  StderrSink,
} from "../adapters/log/log_stream.ts";

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
  return {
    level: log.level,
    formatter: formatterFor(log, { name: "matriarch", processId: Deno.pid }),
    sink: new StderrSink(),
    redact,
    wallTimeMs: () => Date.now(),
  };
}
