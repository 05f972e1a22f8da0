/** Sees whether spans arrive, and says it once when that changes. */
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import type { Log } from "../../ports/log.ts";

type Done = Parameters<SpanExporter["export"]>[1];

/** `ExportResultCode.SUCCESS`, of a package that is imported for nothing else. */
const SUCCESS = 0;

/** Where they go, and who hears of it. */
interface WatchedParts {
  readonly log: Pick<Log, "info" | "warning">;
  readonly place: string;
}

/** Another exporter, looked at. */
export class WatchedExporter implements SpanExporter {
  readonly #inner: SpanExporter;
  readonly #parts: WatchedParts;
  #isWell = true;

  constructor(inner: SpanExporter, parts: WatchedParts) {
    this.#inner = inner;
    this.#parts = parts;
  }

  export(spans: ReadableSpan[], done: Done): void {
    this.#inner.export(spans, (result) => {
      const isWell = result.code === SUCCESS;
      this.#look(isWell, result.error);
      // Said already; the package would write it to standard error as well.
      done({ code: SUCCESS });
    });
  }

  async shutdown(): Promise<void> {
    await this.#inner.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.#inner.forceFlush?.();
  }

  #look(isWell: boolean, error: Error | undefined): void {
    if (isWell === this.#isWell) return;
    this.#isWell = isWell;
    const { log, place } = this.#parts;
    if (isWell) log.info(`The collector at ${place} takes traces again`);
    else {
      log.warning(
        `Traces are lost: the collector at ${place} does not take them ` +
          `(${shortText(error)})`,
      );
    }
  }
}

/** An answer's text may be long and may be anything. */
function shortText(error: Error | undefined): string {
  const text = error === undefined ? "no reason given" : error.message ||
    String(Object(error)["code"] ?? error.name);
  return text.replace(/[^ -~]+/g, " ").slice(0, 200);
}
