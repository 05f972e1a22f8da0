/** `proxy.ports`: each kind of port, by both data planes. */
import assert from "node:assert/strict";
import type { PortRule } from "../../lib/core/calc/host/port_routes.ts";
import type { DoorSpec } from "../../proxy/doors.ts";
import {
  echoBackend,
  type TestBackend,
  TestClient,
  until,
} from "../helpers/tcp.ts";
import { type ProxyRig, testFronts } from "./proxy_rig.ts";

function door(
  name: string,
  rule: PortRule,
  given: Partial<DoorSpec> = {},
): DoorSpec {
  const common = { balance: "least", connectionsMax: 100, port: 0 } as const;
  return { ...common, name, rule, setting: `ports.${name}`, ...given };
}

function rule(to: PortRule["to"]): PortRule {
  return { to, zone: null, isFallback: null };
}

const DOORS: readonly DoorSpec[] = [
  door("sync", rule("sync")),
  door("async", rule("async"), { balance: "round_robin" }),
  door("any", rule("any"), { balance: "source" }),
  door("standby", rule("standby_leader"), { connectionsMax: 1 }),
];

/** Who serves a client of that port, by the name of the backend. */
async function askedAt(rig: ProxyRig, name: string): Promise<string> {
  const port = rig.proxy.ports.doors[name];
  assert.ok(port !== undefined && port > 0, name);
  await using client = await TestClient.connect(port);
  await client.untilText("\n");
  return client.text.trim();
}

/** A leader, a synchronous standby and two others, one of double weight. */
async function fourMembers(
  rig: ProxyRig,
  backends: readonly TestBackend[],
): Promise<void> {
  const [n1, n2, n3, n4] = backends.map(({ port }) => port);
  await rig.keys.primary("n1", n1 ?? 0);
  await rig.keys.lead("n1");
  await rig.keys.replica("n2", n2 ?? 0);
  for (const [name, port, weight] of [["n3", n3, 1], ["n4", n4, 2]] as const) {
    await rig.keys.member(name, {
      port: port ?? 0,
      replication_state: "streaming",
      xlog_location: 1000,
      tags: { weight },
    });
  }
  const sync = { leader: "n1", sync_standby: "n2", quorum: 0 };
  await rig.keys.put("sync", JSON.stringify(sync));
  const wanted = "n1 | n2 | n3 n4";
  const routed = (): string =>
    ["primary", "sync", "async"].map((name) =>
      rig.proxy.stats().ports[name]?.backends.join(" ")
    ).join(" | ");
  await until("all are routed", () => routed() === wanted, routed);
}

testFronts("further ports lead to their kinds of members", async (open) => {
  await using n1 = echoBackend("n1");
  await using n2 = echoBackend("n2");
  await using n3 = echoBackend("n3");
  await using n4 = echoBackend("n4");
  await using rig = await open({ extraDoors: DOORS, holdTimeoutMs: 600_000 });
  await fourMembers(rig, [n1, n2, n3, n4]);
  assert.equal(await askedAt(rig, "sync"), "n2");
  const turns: string[] = [];
  for (let i = 0; i < 6; i++) turns.push(await askedAt(rig, "async"));
  // Each thread takes turns of its own.
  const doubles = turns.filter((name) => name === "n4").length;
  assert.ok(doubles >= 3 && doubles <= 5, turns.join(" "));
  const steady = new Set<string>();
  for (let i = 0; i < 4; i++) steady.add(await askedAt(rig, "any"));
  assert.equal(steady.size, 1, [...steady].join(" "));

  // The synchronous standby takes over; its sessions are the leader's now.
  await using reader = await TestClient.connect(
    rig.proxy.ports.doors["sync"] ?? 0,
  );
  await reader.untilText("n2\n");
  await rig.keys.primary("n2", n2.port);
  await rig.keys.lead("n2");
  await rig.keys.put(
    "sync",
    JSON.stringify({ leader: "n2", sync_standby: "n3", quorum: 0 }),
  );
  await reader.untilEnd();
  await until(
    "another is synchronous",
    () => rig.proxy.stats().ports["sync"]?.backends.join() === "n3",
  );
  assert.equal(await askedAt(rig, "sync"), "n3");
});

testFronts("a standby leader has a port, with its own limit", async (open) => {
  await using n1 = echoBackend("n1");
  await using rig = await open({ extraDoors: DOORS, holdTimeoutMs: 600_000 });
  await rig.keys.member("n1", { port: n1.port, role: "standby_leader" });
  await rig.keys.lead("n1");
  const port = rig.proxy.ports.doors["standby"] ?? 0;
  await using one = await TestClient.connect(port);
  await one.untilText("n1\n");
  await using more = await TestClient.connect(port);
  await more.untilText("too many clients");
  assert.equal(rig.proxy.stats().ports["standby"]?.tooMany, 1);
  const { statsPort } = rig;
  const csv = await (await fetch(`http://127.0.0.1:${statsPort}/;csv`)).text();
  assert.match(csv, /^standby,n1,.*,UP,/m);
  const metrics = await fetch(`http://127.0.0.1:${statsPort}/metrics`);
  assert.match(
    await metrics.text(),
    /^matriarch_proxy_sessions\{scope="demo",route="standby"\} 1$/m,
  );
  // It becomes the leader of a cluster of its own: not a standby leader any more.
  await rig.keys.primary("n1", n1.port);
  await one.untilEnd();
});
