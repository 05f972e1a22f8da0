import assert from "node:assert/strict";
import {
  parseCpuMs,
  parsePssKb,
  parseSwitches,
  roleOf,
} from "./idle_process.ts";
import { idleCost, type IdleReading } from "./idle_round.ts";
import { parseEtcdCalls } from "./idle_store.ts";
import { idleMarkdown } from "./idle_table.ts";

Deno.test("parseCpuMs() adds up own time and that of ended children", () => {
  const stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 1 2 3 4 10 5 2 1 20 0 9 0 99";
  assert.equal(parseCpuMs(stat), 180);
});

Deno.test("parsePssKb() reads the line of all mappings", () => {
  assert.equal(parsePssKb("Rss:  10 kB\nPss:   7 kB\nPss_Dirty: 3 kB\n"), 7);
});

Deno.test("parseSwitches() adds up both kinds", () => {
  const status = "Name:\tx\nvoluntary_ctxt_switches:\t12\n" +
    "nonvoluntary_ctxt_switches:\t3\n";
  assert.equal(parseSwitches(status), 15);
});

Deno.test("roleOf() tells the programs of a host apart", () => {
  const of = (line: string) => roleOf(line.split(" "));
  assert.equal(of("/opt/deno run --quiet /src/main.ts run /x/m1.yml"), "agent");
  assert.equal(of("/opt/deno run -A /src/main.ts proxy /x/m1.yml"), "proxy");
  assert.equal(of("/usr/bin/python3 -m patroni /x/m1.yml"), "patroni");
  assert.equal(of("/usr/sbin/haproxy -db -f /x/haproxy.cfg"), "haproxy");
  assert.equal(of("/usr/lib/postgresql/15/bin/postgres -D x"), "postgres");
  assert.equal(roleOf(["postgres: checkpointer "]), "postgres");
  assert.equal(of("/usr/bin/etcd --name etcd1"), null);
});

Deno.test("parseEtcdCalls() names calls by type and method", () => {
  const text = 'grpc_server_msg_received_total{grpc_method="Range",' +
    'grpc_service="etcdserverpb.KV",grpc_type="unary"} 1.2e+01\n';
  assert.deepEqual([...parseEtcdCalls(text)], [["unary Range", 12]]);
});

function reading(at: number, cpuMs: number, calls: number): IdleReading {
  const switches = new Map([["7", calls]]);
  return {
    at,
    processes: [
      { pid: 7, role: "agent", cpuMs, pssKb: 3 * 1024, switches },
      { pid: 8, role: "agent", cpuMs, pssKb: 3 * 1024, switches },
    ],
    etcd: new Map([["unary Range", calls], ["bidi_stream Watch", 5]]),
  };
}

Deno.test("idleCost() is per minute, and per host or member", () => {
  const cost = idleCost(reading(0, 100, 10), reading(30_000, 150, 22), 2);
  assert.deepEqual(cost, {
    roles: [{ role: "agent", hosts: 2, cpuMs: 100, pssMb: 3, switches: 24 }],
    unary: 12,
    streamed: 0,
    byMethod: { "unary Range": 12 },
  });
  const rounds = [1, 2].map((round) => ({
    ...{ system: "matriarch" as const, round },
    ...cost,
  }));
  assert.match(
    idleMarkdown(rounds),
    /^\| Matriarch \| agent \| 100 \| 3\.0 \| 24 \|$/m,
  );
});
