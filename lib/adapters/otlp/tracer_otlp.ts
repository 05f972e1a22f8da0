/**
 * Sends traces to a collector by OTLP over HTTP, in batches, beside everything
 * else. Where the collector hangs or is away, traces are lost and nothing waits.
 *
 * The packages cost memory; this file is imported where traces are wanted.
 */
import {
  type Context,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type { Tracer as OtelTracer } from "@opentelemetry/api";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  detectResources,
  envDetector,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { EndedSpan } from "../../core/model/span.ts";
import type { Log } from "../../ports/log.ts";
import type { Tracer } from "../../ports/tracer.ts";
import { WatchedExporter } from "./watched_exporter.ts";

/** What an agent that ends gives to spans that wait. */
const CLOSE_MS = 2_000;
/** Of one text. */
const VALUE_LENGTH_MAX = 1_024;
/** Some minutes of cycles; half a megabyte. */
const WAITING_MAX = 1_024;

/** Whose traces, and where they go beyond what the environment says. */
export interface OtlpParts {
  readonly log: Pick<Log, "info" | "warning">;
  readonly scope: string;
  readonly member: string;
  readonly version: string;
  readonly encoding: "http/protobuf" | "http/json";
  /** For messages. */
  readonly place: string;
  /** Spans wait that long for others, in milliseconds. */
  readonly delayMs: number;
}

/** {@link Tracer} over OTLP; the exporter reads OpenTelemetry's variables itself. */
export class TracerOtlp implements Tracer {
  readonly #provider: TracerProvider;
  readonly #tracer: OtelTracer;

  constructor(parts: OtlpParts) {
    const { log, place, encoding, version } = parts;
    const exporter = encoding === "http/json"
      ? new JsonExporter()
      : new ProtobufExporter();
    this.#provider = new TracerProvider({
      resource: resourceOf(parts),
      spanLimits: { attributeValueLengthLimit: VALUE_LENGTH_MAX },
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: new WatchedExporter(exporter, { log, place }),
          scheduledDelayMillis: parts.delayMs,
          maxQueueSize: WAITING_MAX,
          maxExportBatchSize: WAITING_MAX / 2,
        }),
      ],
    });
    this.#tracer = this.#provider.getTracer("matriarch", version);
    log.info(`Traces go to ${place} (${encoding})`);
  }

  tell(root: EndedSpan): void {
    this.#record(root, ROOT_CONTEXT);
  }

  /** Gives what waits a last chance, for two seconds. Never rejects. */
  async close(): Promise<void> {
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(limit.resolve, CLOSE_MS);
    const ended = this.#provider.shutdown().catch(() => {});
    await Promise.race([ended, limit.promise]);
    clearTimeout(timer);
  }

  #record(told: EndedSpan, context: Context): void {
    const { name, startMs, endMs, error, attributes, children } = told;
    const span = this.#tracer.startSpan(
      name,
      { startTime: startMs, attributes: { ...attributes } },
      context,
    );
    const inside = trace.setSpan(context, span);
    for (const child of children) this.#record(child, inside);
    if (error !== null) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    }
    span.end(endMs);
  }
}

/** What the environment says of the service goes before. */
function resourceOf({ scope, member, version }: OtlpParts) {
  return resourceFromAttributes({
    "service.name": "matriarch",
    "service.namespace": scope,
    "service.instance.id": member,
    "service.version": version,
  }).merge(detectResources({ detectors: [envDetector] }));
}
