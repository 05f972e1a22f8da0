import assert from "node:assert/strict";
import type { LogFacts } from "../../ports/log.ts";
import { FileSink } from "./file_sink.ts";
import {
  formatterFor,
  type LogFormatSettings,
  plainFormatter,
} from "./log_format.ts";
import { LogStream, type LogStreamOptions } from "./log_stream.ts";
import { strftime } from "../../patroni/strftime.ts";

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
  const { exc_info, ...members } = JSON.parse(
    line(json, { lag: 5n, error: new TypeError("t") }),
  );
  assert.match(exc_info, /^TypeError: t\n +at /);
  assert.deepEqual(
    members,
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

const DATE_FORMATS: readonly (readonly [string, string])[] = [
  ["%Y-%m-%dT%H:%M:%S", "2026-11-20T04:38:48"],
  ["%d %b %y %I:%M %p", "20 Nov 26 04:38 AM"],
  ["%a %A %B %j %e", "Fri Friday November 324 20"],
  ["%F %T 100%% %Q", "2026-11-20 04:38:48 100% %Q"],
];

for (const [pattern, text] of DATE_FORMATS) {
  Deno.test(`dateformat ${pattern}`, () => {
    assert.equal(strftime(pattern, TIME_MS), text);
  });
}

Deno.test("dateformat decides how asctime looks", () => {
  const identity = { ...IDENTITY, dateformat: "%H.%M" };
  const format = plainFormatter("%(asctime)s|%(message)s", identity);
  const record = { wallTimeMs: TIME_MS, message: "m", facts: {} };
  assert.equal(format({ ...record, level: "INFO" }), "04.38|m");
});

function heartbeatLines(over: Partial<LogStreamOptions>): readonly string[] {
  const lines: string[] = [];
  const log = logTo(lines, { format: "%(message)s" }, over);
  for (let cycle = 0; cycle < 2; cycle += 1) {
    log.info("Lock owner: n1; I am n1");
    log.info("no action. I am (n1), the leader with the lock");
  }
  log.info("Lock owner: n1; I am n1");
  log.warning("something");
  log.info("no action. I am (n1), the leader with the lock");
  log.info("PAUSE: no action. I am (n1)");
  return lines;
}

Deno.test("who owns the lock is said only when something happens", () => {
  const beat = "no action. I am (n1), the leader with the lock";
  const rest = [
    "Lock owner: n1; I am n1",
    "something",
    beat,
    "PAUSE: no action. I am (n1)",
  ];
  assert.deepEqual(heartbeatLines({}), [beat, beat, ...rest]);
  const once = { hasHeartbeatsDeduplicated: true };
  assert.deepEqual(heartbeatLines(once), [beat, ...rest]);
  assert.equal(heartbeatLines({ level: "DEBUG" }).length, 8);
});

Deno.test("a full file is set aside, and only so many are kept", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const path = `${dir}/patroni.log`;
    const sink = new FileSink({
      path,
      mode: 0o640,
      rotatedFilesMax: 2,
      rotationSizeBytes: 10,
      fallback: { writeLine: () => assert.fail("no need") },
    });
    for (const text of ["one", "two", "three", "four", "five"]) {
      sink.writeLine(text);
    }
    sink.close();
    assert.deepEqual(
      ["", ".1", ".2"].map((end) => Deno.readTextFileSync(path + end)),
      ["five\n", "four\n", "three\n"],
    );
    assert.deepEqual([...Deno.readDirSync(dir)].length, 3);
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o640);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a file that cannot be written is said once, the lines go elsewhere", () => {
  const lines: string[] = [];
  const sink = new FileSink({
    path: "/nonexistent/patroni.log",
    mode: null,
    rotatedFilesMax: 0,
    rotationSizeBytes: 0,
    fallback: { writeLine: (text) => void lines.push(text) },
  });
  sink.writeLine("a");
  sink.writeLine("b");
  assert.match(
    lines[0] ?? "",
    /^Cannot write log file \/nonexistent\/patroni\.log: /,
  );
  assert.deepEqual(lines.slice(1), ["a", "b"]);
});

Deno.test("another sink closes the one before", () => {
  const lines: string[] = [];
  let closed = 0;
  const writeLine = (text: string): void => void lines.push(text);
  const options = { sink: { writeLine, close: () => void (closed += 1) } };
  const log = logTo(lines, {}, options);
  const other: LogStreamOptions = {
    level: "INFO",
    formatter: (record) => record.message,
    sink: { writeLine },
    redact: (value) => value,
    wallTimeMs: () => TIME_MS,
  };
  log.reconfigure(other);
  log.reconfigure(other);
  assert.equal(closed, 1);
});
