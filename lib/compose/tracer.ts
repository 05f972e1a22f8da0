/** The way to people's collector of traces, if OpenTelemetry's variables name one. */
import type { TracerOtlp } from "../adapters/otlp/tracer_otlp.ts";
import type { LocalConfig } from "../config/local_config.ts";
import { tracesWish } from "../config/traces_wish.ts";
import type { Log } from "../ports/log.ts";
import { MATRIARCH_VERSION } from "./versions.ts";

/** What opens the collector is no business of PostgreSQL and its extensions. */
const SECRET_VARIABLES = [
  "OTEL_EXPORTER_OTLP_HEADERS",
  "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
];

/** Null: no traces are wanted, or none can be sent, which the log tells. */
export async function collectorOfTraces(
  { scope, name }: LocalConfig,
  env: Readonly<Record<string, string>>,
  log: Log,
): Promise<TracerOtlp | null> {
  const wish = tracesWish(env);
  if (wish.kind === "none") return null;
  if (wish.kind === "unusable") {
    log.warning(wish.text);
    return null;
  }
  // Nobody else shall pay for it.
  const { TracerOtlp } = await import("../adapters/otlp/tracer_otlp.ts");
  const { encoding, place, delayMs } = wish;
  const tracer = new TracerOtlp({
    ...{ log, scope, member: name, version: MATRIARCH_VERSION },
    ...{ encoding, place, delayMs },
  });
  for (const secret of SECRET_VARIABLES) Deno.env.delete(secret);
  return tracer;
}
