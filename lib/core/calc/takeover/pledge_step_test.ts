import assert from "node:assert/strict";
import { lsn, revision } from "../../base/units.ts";
import type { PledgeKey } from "../../model/pledge.ts";
import {
  type PledgeSight,
  type PledgeStep,
  pledgeStep,
} from "./pledge_step.ts";

const TERM = revision("7");
const OLD = revision("r1");
const NEW = revision("r2");
const END = { timeline: 3, lsn: lsn(64) };
const PLEDGED = { kind: "pledged", term: TERM } as const;
const UNKNOWN = { kind: "unknown" } as const;

function sight(given: Partial<PledgeSight>): PledgeSight {
  return {
    record: PLEDGED,
    wish: "pledge",
    term: TERM,
    entry: null,
    written: UNKNOWN,
    source: "closed",
    position: END,
    isCaughtUp: true,
    ...given,
  };
}

function entry(isPledged: "pledge" | "none", at = OLD): PledgeKey {
  const pledge = isPledged === "pledge" ? { term: TERM, ...END } : null;
  return { name: "b", revision: at, pledge };
}

function recordOf(kind: "none" | "behind"): PledgeStep {
  return { kind: "write_record", record: { kind } };
}

function noneOver(guard: typeof OLD | null): PledgeStep {
  return { kind: "write_entry", pledge: null, guard };
}

const SENT = { kind: "sent", guard: OLD } as const;

const CASES: readonly (readonly [string, Partial<PledgeSight>, PledgeStep])[] =
  [
    ["follows without a wish", {
      record: { kind: "none" },
      wish: "follow",
    }, { kind: "free" }],
    ["cannot pledge against nobody", {
      record: { kind: "none" },
      term: null,
    }, { kind: "free" }],
    ["writes the record first", { record: { kind: "none" } }, {
      kind: "write_record",
      record: PLEDGED,
    }],
    ["then closes the source", { source: "open" }, { kind: "close_source" }],
    ["closes it after a restart, too", {
      source: "open",
      entry: entry("pledge"),
    }, { kind: "close_source" }],
    ["waits for a sure position", { position: null }, {
      kind: "hold",
      reason: "position_unknown",
    }],
    ["then writes the first entry", {}, {
      kind: "write_entry",
      pledge: { term: TERM, ...END },
      guard: null,
    }],
    ["then writes over what it saw", { entry: entry("none") }, {
      kind: "write_entry",
      pledge: { term: TERM, ...END },
      guard: OLD,
    }],
    ["writes again what may be lost", {
      entry: entry("none"),
      written: SENT,
    }, {
      kind: "write_entry",
      pledge: { term: TERM, ...END },
      guard: OLD,
    }],
    ["holds a pledge that stands", { entry: entry("pledge", NEW) }, {
      kind: "hold",
      reason: "pledge_stands",
    }],
    ["takes the record back after a veto", {
      entry: entry("none", NEW),
      written: SENT,
    }, recordOf("none")],
    ["empties the entry before it withdraws", {
      wish: "follow",
      entry: entry("pledge", NEW),
      written: SENT,
    }, noneOver(NEW)],
    ["empties an empty entry while a write may come", {
      wish: "follow",
      entry: entry("none"),
      written: SENT,
    }, noneOver(OLD)],
    ["trusts no emptiness after a restart", {
      wish: "follow",
      entry: entry("none"),
    }, noneOver(OLD)],
    [
      "makes an entry to be sure that none comes",
      { wish: "follow" },
      noneOver(null),
    ],
    ["has withdrawn", {
      wish: "follow",
      entry: entry("none", NEW),
      written: SENT,
    }, recordOf("none")],
    ["is free in another term", {
      term: revision("8"),
      entry: entry("pledge"),
    }, recordOf("none")],
    ["is free when nobody leads", { term: null }, recordOf("none")],
    ["empties what an earlier disk promised", {
      record: { kind: "missing" },
      entry: entry("pledge"),
    }, noneOver(OLD)],
    ["empties it without an entry, too", {
      record: { kind: "missing" },
      wish: "follow",
    }, noneOver(null)],
    ["is behind once that is done", {
      record: { kind: "missing" },
      entry: entry("none", NEW),
      written: SENT,
    }, recordOf("behind")],
    ["follows while it is behind", {
      record: { kind: "behind" },
      isCaughtUp: false,
    }, { kind: "free" }],
    ["may pledge when it has caught up", {
      record: { kind: "behind" },
    }, recordOf("none")],
  ];

for (const [name, given, step] of CASES) {
  Deno.test(`pledgeStep() ${name}`, () => {
    assert.deepEqual(pledgeStep(sight(given)), step);
  });
}
