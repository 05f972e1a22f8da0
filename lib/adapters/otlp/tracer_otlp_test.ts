/** Traces to collectors that are well, slow, away, or refuse. */
import assert from "node:assert/strict";
import { Collector } from "../../../tests/helpers/collector.ts";
import { freePorts } from "../../../tests/helpers/free_ports.ts";
import { KeptLog, until } from "../../../tests/helpers/tcp.ts";
import type { EndedSpan } from "../../core/model/span.ts";
import { TracerOtlp } from "./tracer_otlp.ts";

/** A moment of the wall clock; small numbers count from the start of the process. */
const AT = 1_795_910_400_000;

const TRACE: EndedSpan = {
  ...{ name: "whole", startMs: AT + 1_000, endMs: AT + 2_500.5, error: null },
  attributes: { "matriarch.rule": "R310", count: 7, isSo: true },
  children: [
    {
      ...{
        name: "first",
        startMs: AT + 1_000,
        endMs: AT + 2_000,
        attributes: {},
      },
      ...{ error: "it broke", children: [] },
    },
    {
      ...{
        name: "second",
        startMs: AT + 2_000,
        endMs: AT + 2_500,
        attributes: {},
      },
      ...{ error: null, children: [] },
    },
  ],
};

/** Variables for the time of a test. */
class Environment implements Disposable {
  readonly #before: readonly (readonly [string, string | undefined])[];

  constructor(variables: Readonly<Record<string, string>>) {
    this.#before = Object.keys(variables)
      .map((name) => [name, Deno.env.get(name)]);
    for (const [name, value] of Object.entries(variables)) {
      Deno.env.set(name, value);
    }
  }

  [Symbol.dispose](): void {
    for (const [name, value] of this.#before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}

function tracerTo(
  url: string,
  encoding: "http/json" | "http/protobuf" = "http/protobuf",
) {
  const log = new KeptLog();
  const tracer = new TracerOtlp({
    ...{ log, scope: "main", member: "n1", version: "9.9", encoding },
    ...{ place: url, delayMs: 0 },
  });
  return { log, tracer };
}

for (const encoding of ["http/json", "http/protobuf"] as const) {
  Deno.test(`TracerOtlp sends a trace by ${encoding}`, async () => {
    await using collector = new Collector();
    using _environment = new Environment({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=ours",
      OTEL_SERVICE_NAME: "our databases",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=test",
    });
    const { tracer, log } = tracerTo(collector.url, encoding);
    tracer.tell(TRACE);
    await until("all came", () => collector.spans.length === 3);
    await tracer.close();
    const [request] = collector.requests;
    assert.equal(request?.path, "/v1/traces");
    assert.equal(request?.headers.get("x-tenant"), "ours");
    const [root] = collector.roots("whole");
    assert.ok(root !== undefined);
    assert.deepEqual([root.startMs, root.endMs], [AT + 1_000, AT + 2_500.5]);
    assert.deepEqual(root.attributes, TRACE.attributes);
    assert.deepEqual(root.resource, {
      ...{ "service.name": "our databases", "service.namespace": "main" },
      ...{ "service.instance.id": "n1", "service.version": "9.9" },
      "deployment.environment": "test",
    });
    const children = collector.childrenOf(root);
    assert.deepEqual(
      children.map(({ name, startMs, endMs, error }) => [
        ...[name, startMs, endMs, error],
      ]),
      [["first", AT + 1_000, AT + 2_000, "it broke"], [
        "second",
        AT + 2_000,
        AT + 2_500,
        "",
      ]],
    );
    assert.equal(new Set(collector.spans.map((s) => s.traceId)).size, 1);
    assert.deepEqual(log.lines, [
      `INFO Traces go to ${collector.url} (${encoding})`,
    ]);
  });
}

Deno.test("TracerOtlp says once that the collector refuses, and once that it is well again", async () => {
  await using collector = new Collector((count) =>
    new Response("no\x1b[2J".repeat(1_000), { status: count < 2 ? 400 : 200 })
  );
  using _environment = new Environment({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  });
  const { tracer, log } = tracerTo(collector.url);
  for (const requests of [1, 2, 3]) {
    tracer.tell(TRACE);
    await until("it was asked", () => collector.requests.length === requests);
    await until("it was noted", () => log.lines.length > requests / 2);
  }
  await until("it came", () => collector.spans.length === 3);
  await until("it was said", () => log.lines.length === 3, () => log.lines);
  assert.match(
    log.lines[1] ?? "",
    /^WARNING Traces are lost: the collector at http:\S+ does not take them/,
  );
  assert.ok(!log.lines[1]?.includes("\x1b"));
  assert.ok((log.lines[1] ?? "").length < 400);
  assert.match(log.lines[2] ?? "", /takes traces again/);
  await tracer.close();
});

Deno.test("TracerOtlp never waits for a collector that hangs, and keeps a bounded number of spans", async () => {
  await using collector = new Collector((count) =>
    count === 0 ? "never" : new Response()
  );
  using _environment = new Environment({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_TIMEOUT: "200",
  });
  const { tracer, log } = tracerTo(collector.url);
  tracer.tell(TRACE);
  await until("it hangs", () => collector.requests.length === 1);
  for (let told = 0; told < 10_000; told++) tracer.tell(TRACE);
  await until("it was said", () => log.lines.length >= 2, () => log.lines);
  assert.match(log.lines[1] ?? "", /Traces are lost/);
  await tracer.close();
  const { length } = collector.spans;
  assert.ok(length > 0 && length <= 1_024 + 3, `${length} spans came`);
});

Deno.test("TracerOtlp: a collector that comes late gets what comes then", async () => {
  const [port = 0] = freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  using _environment = new Environment({
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_TIMEOUT: "300",
  });
  const { tracer, log } = tracerTo(url);
  tracer.tell(TRACE);
  await until("it was said", () => log.lines.length === 2, () => log.lines);
  await using collector = new Collector(undefined, port);
  tracer.tell(TRACE);
  await until("it came", () => collector.spans.length === 3);
  await tracer.close();
});
