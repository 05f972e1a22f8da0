/**
 * Goal: whatever the store, a peer, a client or a program says, the reader of it
 * returns, and soon: no crash, no call of more than 50 ms.
 *
 * Method: fast-check makes random texts, JSON, and texts of each reader's own
 * form with something spliced in, often one piece many times over. How long a
 * call took is only judged when a number of runs is asked for
 * (MATRIARCH_FUZZ_RUNS=1000000): then the slowest input runs again, alone.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseConninfo } from "../../lib/adapters/postgres/session/conninfo.ts";
import { parseControlData } from "../../lib/adapters/postgres/directory/control_data.ts";
import { parseComplaints } from "../../lib/adapters/postgres/settings/parameter_check.ts";
import { parsePidFile } from "../../lib/adapters/postgres/process/pid_file.ts";
import { parseStat } from "../../lib/adapters/postgres/process/processes.ts";
import { parseSettings } from "../../lib/adapters/postgres/settings/settings_file.ts";
import { parseRecordBytes } from "../../lib/adapters/postgres/fill/wal_end.ts";
import { decodeStatus } from "../../lib/adapters/peers/codec.ts";
import { decodeProxyState } from "../../lib/adapters/proxy_process/state_codec.ts";
import { redactText } from "../../lib/config/secrets.ts";
import { parseTimelineHistory } from "../../lib/core/base/timeline_history.ts";
import { revision } from "../../lib/core/base/units.ts";
import { clusterDocument } from "../../lib/core/calc/documents/cluster_document.ts";
import { NO_LAG_HISTORY } from "../../lib/core/calc/documents/lag_history.ts";
import { routes } from "../../lib/core/calc/host/routing.ts";
import { NO_ROUTES } from "../../lib/core/model/routes.ts";
import { parseStandbys } from "../../lib/core/calc/sync/standby_names.ts";
import { moment } from "../../lib/core/base/units.ts";
import { decodeClusterView } from "../../lib/core/codec/cluster_view_codec.ts";
import { phasesOf } from "../../lib/core/calc/documents/failovers.ts";
import {
  decodeFailovers,
  encodeFailovers,
} from "../../lib/core/codec/failovers_codec.ts";
import { failoverRecord } from "../helpers/failover_record.ts";
import { parseConnUrl } from "../../lib/core/codec/conn_url.ts";
import { parseHbaLine } from "../../lib/core/codec/hba_line.ts";
import { parseJsonObject } from "../../lib/core/codec/json.ts";
import { isSamePublication } from "../../lib/core/codec/member_codec.ts";
import { decodeSettings } from "../../lib/core/codec/settings_codec.ts";
import { decodeSlots } from "../../lib/core/codec/slots_codec.ts";
import { parseScheduledTime } from "../../lib/http/timestamps.ts";
import {
  decodeAnswer,
  decodeControlMessage,
} from "../../proxy/control_codec.ts";
import { firstPacket } from "../../proxy/startup.ts";

const ASKED_RUNS = Deno.env.get("MATRIARCH_FUZZ_RUNS") ?? null;
const RUNS = Number(ASKED_RUNS ?? 3_000);
const CALL_MS_MAX = 50;
const TRIES = 5;

interface Reader {
  readonly name: string;
  /** Texts of the right form. */
  readonly examples: readonly string[];
  readonly read: (text: string) => unknown;
}

/** What quadratic readers stumble over. */
const PIECES = [
  ..." \t\n\r:;,=@/\\'\"[]{}()<>.%#+-_0179aZ\0\u0080é\u202e",
  "://",
  "::",
  "[[",
  '{"a":',
  '"a":1,',
  "password=",
  "postgres://",
  'parameter "x" ',
  "\\\\",
  "''",
  "host=a ",
  "9007199254740993,",
] as const;

const VIEW_KEYS = [
  "leader",
  "config",
  "initialize",
  "status",
  "optime/leader",
  "members/n1",
  "failover",
  "sync",
  "history",
  "failsafe",
] as const;

const MEMBER = JSON.stringify({
  conn_url: "postgres://10.0.0.1:5432/postgres",
  api_url: "http://10.0.0.1:8008/patroni",
  state: "running",
  role: "replica",
  tags: { zone: "a", nofailover: true },
  xlog_location: "9007199254740993",
  doors: { primary: 5000, replica: 6000 },
  pending_restart: true,
  pending_restart_reason: { a: { old_value: "1", new_value: "2" } },
});

const CONFIG = JSON.stringify({
  ttl: "30",
  loop_wait: 10,
  slots: { a: { type: "logical", database: "d", plugin: "p" } },
  ignore_slots: [{ name: "a" }],
  standby_cluster: { host: "a,b", port: "1,2" },
  postgresql: { parameters: { max_connections: "100" } },
});

/** Everything that agent and proxy make of a snapshot, with one value in each key. */
function readView(text: string): unknown {
  const entries = VIEW_KEYS.map((key) => ({
    key,
    value: key === "leader" ? "n1" : text,
    revision: revision(1),
    isHeld: false,
  }));
  const view = decodeClusterView({ entries });
  const table = routes(view, {
    replicaLagBytesMax: 1,
    replicaLagMsMax: 1,
    lagHistory: NO_LAG_HISTORY,
    asOf: moment(1),
    veto: null,
    resting: null,
    isHandoverExpected: false,
    isLeaseOver: false,
    before: NO_ROUTES,
    zone: "a",
    isReplicaFallback: true,
    isPoolerWanted: true,
    sealed: null,
  });
  return [table, clusterDocument(view)];
}

const READERS: readonly Reader[] = [
  {
    name: "a view of the store, its routes and its document",
    examples: [
      MEMBER,
      CONFIG,
      '{"leader":"n1","quorum":1,"sync_standby":"n2,n3"}',
      '[[1,25623960,"no recovery target specified","2026-01-01","n1"]]',
      '{"leader":"n1","member":"n2","scheduled_at":"2026-01-01T00:00:00Z"}',
      "n1:n2",
      "postgres://h:1/d?application_name=http://a/",
    ],
    read: readView,
  },
  {
    name: "the last changes of leader",
    examples: [encodeFailovers([failoverRecord()])],
    read: (text) => {
      const records = decodeFailovers(text);
      return [encodeFailovers(records), records.map(phasesOf)];
    },
  },
  {
    name: "settings",
    examples: [CONFIG],
    read: (text) => {
      const document = parseJsonObject(text);
      return [decodeSettings(document), decodeSlots(document ?? {})];
    },
  },
  {
    name: "two publications of a member",
    examples: [MEMBER],
    read: (text) => isSamePublication(text, MEMBER),
  },
  {
    name: "the address of a member",
    examples: ["postgres://u:p@[::1]:5432/db", "10.0.0.1:5432", "a,b:1"],
    read: parseConnUrl,
  },
  {
    name: "a peer's status",
    examples: [
      '{"state":"running","role":"replica","timeline":1,"xlog":{"received_location":1}}',
    ],
    read: (text) => decodeStatus("n1", text),
  },
  {
    name: "a line of the control socket",
    examples: [
      '{"type":"heartbeat","pid":42,"role":"primary","leaseDeadlineMs":1,"fence":{}}',
      '{"type":"state","pid":42,"sessions":1,"held":0}',
      '{"type":"take_over","inbox":"/a"}',
    ],
    read: (text) => [
      decodeControlMessage(text),
      decodeAnswer(text),
      decodeProxyState(text),
    ],
  },
  {
    name: "a client's first packet",
    examples: ["\0\0\0\u0008\u0004\u00d2\u0016\u002f", "\u0016\u0003\u0001"],
    read: (text) =>
      firstPacket(Uint8Array.from(text, (sign) => sign.charCodeAt(0))),
  },
  {
    name: "a timeline history",
    examples: ["1\t0/3000060\tno recovery target specified\n"],
    read: parseTimelineHistory,
  },
  {
    name: "a connection string",
    examples: ["host=a port=5432 user='a\\'b' application_name=n1"],
    read: parseConninfo,
  },
  {
    name: "synchronous_standby_names",
    examples: ['ANY 1 ("n1",n2)', "FIRST 2 (a, b)", "*"],
    read: parseStandbys,
  },
  {
    name: "a line of pg_hba.conf",
    examples: [
      'host all "a b",c 10.0.0.0/8 scram-sha-256',
      "local all all trust",
    ],
    read: parseHbaLine,
  },
  {
    name: "what programs print",
    examples: [
      'LOG:  5 is outside the valid range for parameter "x" (64 kB .. 99 kB)',
      "Database system identifier: 7\nLatest checkpoint location: 0/1",
      "1\n/data\n1\n5432\n/tmp\n*\n1\nready",
      "7 (a) b) S 1 7 7 0 -1",
      "rmgr: XLOG len (rec/tot): 114/ 114, desc: CHECKPOINT_SHUTDOWN",
      "max_connections = '100'\n",
    ],
    read: (text) => [
      parseComplaints(text),
      parseControlData(text),
      parsePidFile(text),
      parseStat(text),
      parseRecordBytes(text),
      parseSettings(text),
    ],
  },
  {
    name: "the redaction of a text",
    examples: ["postgres://u:p@h/ password='a b' password: c"],
    read: redactText,
  },
  {
    name: "a scheduled time",
    examples: ["2026-01-01T00:00:00.5+01:00", "2026-01-01 00:00 UTC"],
    read: parseScheduledTime,
  },
];

function textsFor(examples: readonly string[]): fc.Arbitrary<string> {
  const pumped = fc.tuple(
    fc.constantFrom(...PIECES),
    fc.oneof(
      { weight: 30, arbitrary: fc.nat(30) },
      { weight: 6, arbitrary: fc.nat(1_000) },
      { weight: 1, arbitrary: fc.nat(20_000) },
    ),
  ).map(([piece, times]) => piece.repeat(times));
  const piece = fc.oneof(pumped, fc.string({ unit: "binary", maxLength: 12 }));
  const spliced = fc.tuple(
    fc.constantFrom(...examples),
    fc.nat(),
    fc.nat(9),
    piece,
  )
    .map(([example, at, cut, text]) => {
      const place = at % (example.length + 1);
      return example.slice(0, place) + text + example.slice(place + cut);
    });
  return fc.oneof(
    { weight: 5, arbitrary: spliced },
    {
      weight: 2,
      arbitrary: fc.array(piece, { maxLength: 4 }).map((a) => a.join("")),
    },
    { weight: 1, arbitrary: fc.json({ maxDepth: 3 }) },
    { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  );
}

function msOf(reader: Reader, text: string): number {
  const began = performance.now();
  reader.read(text);
  return performance.now() - began;
}

for (const reader of READERS) {
  Deno.test(`no text crashes or freezes the reader of ${reader.name}`, () => {
    let slowest = { ms: 0, text: "" };
    fc.assert(
      fc.property(textsFor(reader.examples), (text) => {
        const ms = msOf(reader, text);
        if (ms > slowest.ms) slowest = { ms, text };
      }),
      { numRuns: RUNS },
    );
    if (ASKED_RUNS === null) return;
    // A call can be late for the machine's sake, but not five times.
    const again = Array.from(
      { length: TRIES },
      () => msOf(reader, slowest.text),
    );
    const ms = Math.min(...again);
    console.log(`${reader.name}: slowest call ${ms.toFixed(2)} ms`);
    assert.ok(ms < CALL_MS_MAX, Deno.inspect(slowest.text.slice(0, 200)));
  });
}

Deno.test("values at their limits are read in no time worth a lease", () => {
  const entries = Array.from({ length: 20_000 }, (_, i) => ({
    key: `members/n${i}`,
    value: MEMBER,
    revision: revision(1),
    isHeld: false,
  }));
  const view = decodeClusterView({ entries });
  assert.equal(view.members.length, 1_000);
  const long = `{"conn_url":"postgres://h/${"d".repeat(70_000)}"}`;
  const [first] = entries;
  assert.ok(first);
  const one = decodeClusterView({
    entries: [{ ...first, value: long }],
  });
  assert.equal(one.members[0]?.connUrl, null);
});
