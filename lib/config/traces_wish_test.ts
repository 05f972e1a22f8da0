/** Which environments ask for traces, and which ask in vain. */
import assert from "node:assert/strict";
import { tracesWish } from "./traces_wish.ts";

const PLACE = "OTEL_EXPORTER_OTLP_ENDPOINT";
const URL_HERE = "http://who:secret@collector:4318/otlp?key=secret";

Deno.test("traces: nobody asks", () => {
  const silent: Readonly<Record<string, string>>[] = [
    {},
    { [PLACE]: "" },
    { OTEL_SERVICE_NAME: "db" },
    { [PLACE]: URL_HERE, OTEL_SDK_DISABLED: "TRUE" },
    { [PLACE]: URL_HERE, OTEL_TRACES_EXPORTER: "none" },
    { [PLACE]: URL_HERE, OTEL_TRACES_EXPORTER: "zipkin" },
  ];
  for (const env of silent) assert.deepEqual(tracesWish(env), { kind: "none" });
});

Deno.test("traces: the variables of traces beat those of all signals", () => {
  assert.deepEqual(tracesWish({ [PLACE]: URL_HERE }), {
    ...{ kind: "otlp", encoding: "http/protobuf" },
    ...{ place: "http://collector:4318", delayMs: 5_000 },
  });
  const wish = tracesWish({
    [PLACE]: "nonsense",
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: " https://other/v1/traces ",
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json",
    OTEL_TRACES_EXPORTER: "otlp",
    OTEL_BSP_SCHEDULE_DELAY: "200",
  });
  assert.deepEqual(wish, {
    ...{ kind: "otlp", encoding: "http/json" },
    ...{ place: "https://other", delayMs: 200 },
  });
});

Deno.test("traces: what cannot be used is said, without secrets", () => {
  for (
    const [env, words] of [
      [{ [PLACE]: "collector:4318" }, /OTEL_EXPORTER_OTLP_ENDPOINT is no http/],
      [{ [PLACE]: "s3cr\0et" }, /is no http/],
      [
        { [PLACE]: URL_HERE, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
        /OTEL_EXPORTER_OTLP_PROTOCOL names a protocol .* set http\/protobuf/,
      ],
    ] as const
  ) {
    const wish = tracesWish(env);
    assert.equal(wish.kind, "unusable");
    assert.match(wish.text, words);
    assert.doesNotMatch(wish.text, /secret|s3cr/);
  }
});

Deno.test("traces: a delay that is none is OpenTelemetry's own", () => {
  for (
    const [text, ms] of [["x", 5_000], ["-1", 5_000], ["99999999", 60_000]]
  ) {
    const wish = tracesWish({
      [PLACE]: URL_HERE,
      OTEL_BSP_SCHEDULE_DELAY: String(text),
    });
    assert.ok(wish.kind === "otlp");
    assert.equal(wish.delayMs, ms);
  }
});
