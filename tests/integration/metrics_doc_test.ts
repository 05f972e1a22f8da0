/** docs/monitoring/metrics.md, alerts and dashboard know the metrics that the program prints. */
import assert from "node:assert/strict";
import {
  documentedFamilies,
  printedFamilies,
} from "../helpers/metric_families.ts";
import { monitoredNames, undeclared } from "../helpers/metric_names.ts";
import { RestBench } from "../helpers/rest_app.ts";
import { leadingStatus, primaryView } from "../helpers/stub_agent_api.ts";
import { bid, observation } from "../helpers/builders.ts";
import { CertificateEnds } from "../../lib/setup/certificate_ends.ts";
import type { SlotView } from "../../lib/core/model/postgres_view.ts";
import { DcsMeter } from "../../lib/agent/dcs_meter.ts";
import { LoopStatistics } from "../../lib/agent/statistics.ts";
import { lsn, moment } from "../../lib/core/base/units.ts";
import { MemoryDcs } from "../sim/dcs_memory.ts";
import { MemoryStore } from "../sim/dcs_memory_store.ts";
import { ManualClock } from "../helpers/manual_clock.ts";
import { Ledger } from "../../proxy/ledger.ts";
import {
  prometheusText,
  type RouteStats,
  type Stats,
} from "../../proxy/stats.ts";

/** Of a proxy beside an agent that has everything. */
function proxyStats(): Stats {
  const ledger = Ledger.alone();
  const backend = {
    ...{ name: "n1", host: "10.0.0.1", port: 5432 },
    via: "address",
  } as const;
  ledger.addTo(ledger.book.slotOf("primary", backend), "sessions", 1);
  const door: RouteStats = {
    ...ledger.sums.totals("primary"),
    ...{ port: 5000, connectionsMax: 100 },
    ...{ backends: ["n1"], sessions: 1, held: 0, inQueue: 0 },
    times: ledger.sums.times("primary"),
    to: "leader",
    balance: "least",
  };
  const fence = { fencings: 0, calledOff: 0, keysGivenBack: 0 };
  return {
    ...{ pid: 1, version: "0.1.0", scope: "main", name: "n1" },
    ...{ startedAt: "", state: "running", dataPlane: "portable" },
    ...{ agent: null, predecessor: null, connectionsMax: 100 },
    ...{ serverConnectionsMax: 0, queueMax: 0 },
    dcs: { kind: "not_read_yet" },
    fence: { ...fence, state: "off", graceMs: 0, lastDelayMs: null },
    vips: [
      { group: "rw", addresses: ["10.0.0.9"], isCarried: true, carrier: "n1" },
    ],
    routes: { primary: backend, replicas: [], exclusions: [] },
    ports: { primary: door, replica: door },
    backends: ledger.sums.backends().map(({ backend, ...numbers }) => ({
      ...{ ...backend, ...numbers },
      isRouted: true,
    })),
    changes: [],
  };
}

/** Of an agent with a proxy that has done everything that is counted. */
async function agentText(): Promise<string> {
  const clock = new ManualClock();
  const proxy = { state: () => null };
  const right = { deadline: null };
  const labels = { scope: "main", name: "n1" };
  const statistics = new LoopStatistics(labels, { clock, right, proxy });
  const ruling = { rule: "R490", decision: bid("healthiest") } as const;
  statistics.countDecision(ruling, observation());
  const task = { kind: "promote" } as const;
  const endedAt = moment(clock.now() + 1);
  statistics.countTask({ task, result: "done", detail: "", endedAt });
  const store = new MemoryStore(clock, "store");
  const dcs = new DcsMeter(new MemoryDcs(store, "/service/main"), clock);
  await dcs.read({ timeoutMs: 1_000 });
  await dcs.close();
  const ends = new CertificateEnds({
    settings: () => [{ setting: "ctl.cacert", path: "/ca", kind: "own" }],
    files: { read: () => Promise.resolve(null) },
    certificates: { read: () => Promise.resolve(null) },
    clock,
  });
  await ends.look();
  const bench = new RestBench();
  bench.samples = [statistics, dcs, ends].flatMap((each) => [
    ...each.samples(),
  ]);
  const slot: SlotView = {
    ...{ name: "n2", isActive: true, database: null },
    ...{ restartLsn: lsn(1n), confirmedFlushLsn: null, plugin: null },
    ...{ xmin: null, catalogXmin: null, walStatus: null },
    type: "physical",
    isNeverSynced: false,
  };
  bench.api.current = leadingStatus({
    postgres: primaryView({ slots: [slot] }),
  });
  return (await bench.ask("GET /metrics")).text;
}

Deno.test("docs/monitoring/metrics.md has each metric of an agent, and no others", async () => {
  assert.deepEqual(
    await documentedFamilies("Agents"),
    printedFamilies(await agentText()),
  );
});

Deno.test("docs/monitoring/metrics.md has each metric of a proxy, and no others", async () => {
  assert.deepEqual(
    await documentedFamilies("Proxies"),
    printedFamilies(prometheusText(proxyStats())),
  );
});

Deno.test("alerts and dashboard name metrics that exist, and no others", async () => {
  const printed = await agentText() + prometheusText(proxyStats());
  const names = await monitoredNames(/^(patroni|matriarch)_/);
  assert.deepEqual(undeclared(names, printed), []);
});
