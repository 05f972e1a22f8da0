import assert from "node:assert/strict";
import type { LogFacts } from "../../ports/log.ts";
import { formatterFor, type LogFormatSettings } from "./log_format.ts";
import { LogStream, type LogStreamOptions } from "./log_stream.ts";

const TIME_MS = new Date(2026, 10, 20, 4, 38, 48, 7).getTime();
const IDENTITY = { name: "matriarch", processId: 42 };
const PLAIN: LogFormatSettings = {
  type: "plain",
  format: "%(asctime)s %(levelname)s: %(message)s",
  staticFields: {},
};

function logTo(
  lines: string[],
  settings: Partial<LogFormatSettings> = {},
  over: Partial<LogStreamOptions> = {},
): LogStream {
  return new LogStream({
    level: "INFO",
    formatter: formatterFor({ ...PLAIN, ...settings }, IDENTITY),
    sink: { writeLine: (line) => void lines.push(line) },
    redact: (value) => value,
    wallTimeMs: () => TIME_MS,
    ...over,
  });
}

function line(settings: Partial<LogFormatSettings>, facts?: LogFacts): string {
  const lines: string[] = [];
  logTo(lines, settings).warning("it is late", facts);
  return lines.join("|");
}

Deno.test("a line has the time in its first 23 columns and the facts at its end", () => {
  assert.equal(
    line({}, { reason: "no_leader", lag: 5n, text: "a b", none: null }),
    "2026-11-20 04:38:48,007 WARNING: it is late " +
      'reason=no_leader lag=5 text="a b" none=null',
  );
});

Deno.test("lines below the wanted level are dropped", () => {
  const lines: string[] = [];
  const log = logTo(lines);
  log.debug("no");
  log.info("i");
  log.error("e");
  log.critical("c");
  log.reconfigure({
    level: "CRITICAL",
    formatter: (record) => record.level,
    sink: { writeLine: (text) => void lines.push(text) },
    redact: (value) => value,
    wallTimeMs: () => TIME_MS,
  });
  log.error("no");
  log.critical("c");
  assert.deepEqual(lines.map((each) => each.replace(/^[\d ,:-]+/, "")), [
    "INFO: i",
    "ERROR: e",
    "CRITICAL: c",
    "CRITICAL",
  ]);
});

const FORMATS: readonly (readonly [string, string])[] = [
  ["%(levelname)-9s|%(message)s", "WARNING  |it is late"],
  ["%(levelname)9s|%(levelname).4s", "  WARNING|WARN"],
  ["%(process)d %(process)05d %(levelno)s", "42 00042 30"],
  ["%(msecs)03d %(created).1f", `007 ${(TIME_MS / 1000).toFixed(1)}`],
  ["100%% %(name)s %(unknown)s", "100% matriarch %(unknown)s"],
];

for (const [format, text] of FORMATS) {
  Deno.test(`format ${format}`, () => assert.equal(line({ format }), text));
}

Deno.test("the acceptance suite's format has the level in column 24", () => {
  const format =
    "%(asctime)s %(levelname)s [%(pathname)s:%(lineno)d - %(funcName)s]: %(message)s";
  assert.equal(line({ format }).slice(24, 31), "WARNING");
});

Deno.test("JSON lines carry the format's members, facts and static fields", () => {
  const json = { type: "json", staticFields: { app: "x" } } as const;
  assert.deepEqual(
    JSON.parse(line(json, { lag: 5n, error: new TypeError("t") })),
    {
      asctime: "2026-11-20 04:38:48,007",
      levelname: "WARNING",
      message: "it is late",
      lag: "5",
      error: "TypeError: t",
      app: "x",
    },
  );
  const format = ["levelno", { message: "msg" }, 7];
  assert.equal(
    line({ ...json, staticFields: {}, format }),
    '{"levelno":30,"msg":"it is late"}',
  );
});

Deno.test("secrets are masked by key and inside texts", () => {
  const lines: string[] = [];
  logTo(lines, {}, {
    redact: (value, key) =>
      key === "password"
        ? "***"
        : typeof value === "string"
        ? value.replaceAll("s3cret", "***")
        : value,
  }).info("with s3cret", { password: "hidden", error: new Error("s3cret") });
  assert.match(
    lines[0] ?? "",
    /INFO: with \*\*\* password=\*\*\* error="Error: \*\*\*"$/,
  );
});
