import assert from "node:assert/strict";
import { CliError } from "./errors.ts";
import {
  exampleTime,
  lineTimestamp,
  localTime,
  parseSchedule,
} from "./timestamps.ts";

const NOW_MS = new Date(2026, 10, 20, 4, 38, 48, 7).getTime();

const ZONED: readonly (readonly [string, string])[] = [
  ["2030-01-01T10:00:00-03:00", "2030-01-01T10:00:00-03:00"],
  ["2030-01-01T10:00-3", "2030-01-01T10:00:00-03:00"],
  ["2030-01-01T10:00+00", "2030-01-01T10:00:00+00:00"],
  ["2030-01-01T10:00Z", "2030-01-01T10:00:00+00:00"],
  [
    "2026-11-20 04:38:48.619580+00:00",
    "2026-11-20T04:38:48.619580+00:00",
  ],
  ["20300101T1000+0200", "2030-01-01T10:00:00+02:00"],
  ["2030-01-01 10:00 +0530", "2030-01-01T10:00:00+05:30"],
  ["2030-01-01T10:00:00.5Z", "2030-01-01T10:00:00.500000+00:00"],
];

for (const [text, iso] of ZONED) {
  Deno.test(`parseSchedule() reads ${text}`, () => {
    const time = parseSchedule(text, NOW_MS);
    assert.equal(time?.iso, iso);
    assert.equal(time?.wallTimeMs, new Date(iso).getTime());
  });
}

Deno.test("parseSchedule() assumes the local zone, and today", () => {
  const time = parseSchedule("2030-01-01T10:00", NOW_MS);
  assert.equal(time?.wallTimeMs, new Date(2030, 0, 1, 10, 0).getTime());
  assert.match(time?.iso ?? "", /^2030-01-01T10:00:00[+-]\d\d:\d\d$/);
  const today = parseSchedule("10:00", NOW_MS);
  assert.equal(today?.wallTimeMs, new Date(2026, 10, 20, 10, 0).getTime());
});

Deno.test("parseSchedule() takes now and nothing for immediately", () => {
  for (const text of [null, "", " ", "now"]) {
    assert.equal(parseSchedule(text, NOW_MS), null);
  }
});

for (
  const text of [
    "soon",
    "2030-02-30T10:00",
    "25:00",
    "10:61",
    "2030",
    "Z",
    "+1",
  ]
) {
  Deno.test(`parseSchedule() refuses ${text}`, () => {
    assert.throws(() => parseSchedule(text, NOW_MS), CliError);
  });
}

Deno.test("times are shown in the local zone", () => {
  assert.deepEqual(localTime(NOW_MS), {
    text: "2026-11-20 04:38:48",
    milliseconds: "007",
  });
  assert.equal(lineTimestamp(NOW_MS), "2026-11-20 04:38:48.00700");
  assert.equal(exampleTime(NOW_MS), "2026-11-20T05:38");
});

/** Runs in another zone; the process's own comes back. */
function inZone(zone: string, run: () => void): void {
  const before = Deno.env.get("TZ");
  Deno.env.set("TZ", zone);
  try {
    run();
  } finally {
    if (before === undefined) Deno.env.delete("TZ");
    else Deno.env.set("TZ", before);
  }
}

Deno.test("parseSchedule() refuses a time that the clocks skip", () => {
  const skipped: readonly (readonly [string, string, string])[] = [
    ["Europe/Berlin", "2030-03-31T02:30", "2030-03-31 03:30:00"],
    ["Europe/Berlin", "2030-03-31 02:00", "2030-03-31 03:00:00"],
    ["America/New_York", "2030-03-10T02:59:59", "2030-03-10 03:59:59"],
    ["Australia/Lord_Howe", "2030-10-06T02:15", "2030-10-06 02:45:00"],
  ];
  for (const [zone, text, nearest] of skipped) {
    inZone(zone, () => {
      assert.throws(() => parseSchedule(text, NOW_MS), (error) => {
        assert.ok(error instanceof CliError);
        assert.match(error.message, new RegExp(`nearest time is ${nearest}`));
        return true;
      });
    });
  }
});

Deno.test("parseSchedule() keeps the times around the clocks' change", () => {
  const kept: readonly (readonly [string, string])[] = [
    ["2030-03-31T01:59:59", "2030-03-31T01:59:59+01:00"],
    ["2030-03-31T03:00", "2030-03-31T03:00:00+02:00"],
    ["2030-03-31T02:30+01:00", "2030-03-31T02:30:00+01:00"],
    ["2030-10-27T02:30", "2030-10-27T02:30:00+02:00"],
    ["2030-10-27T03:00", "2030-10-27T03:00:00+01:00"],
  ];
  inZone("Europe/Berlin", () => {
    for (const [text, iso] of kept) {
      const time = parseSchedule(text, NOW_MS);
      assert.equal(time?.iso, iso);
      assert.equal(time?.wallTimeMs, Date.parse(iso));
    }
  });
});
