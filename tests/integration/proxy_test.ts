/** The proxy with real sockets: bytes, routes, holding, refusing. */
import assert from "node:assert/strict";
import {
  BlackHole,
  echoBackend,
  readStartup,
  RealClock,
  sendAll,
  startupPacket,
  TestBackend,
  TestClient,
  until,
} from "../helpers/tcp.ts";
import { monitoredNames, undeclared } from "../helpers/metric_names.ts";
import { promtoolComplaints } from "../helpers/promtool.ts";
import { STATS, testFronts } from "./proxy_rig.ts";
import { freePort } from "../helpers/free_ports.ts";

/** What is tried again every five seconds is tried at once. */
class HurriedClock extends RealClock {
  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return super.sleep(ms === 5_000 ? 20 : ms, signal);
  }
}

testFronts("proxy passes bytes both ways, untouched", async (open) => {
  await using rig = await open();
  await using backend = echoBackend("one");
  await rig.keys.primary("n1", backend.port);
  await rig.keys.lead("n1");
  await using client = await TestClient.connect(rig.proxy.ports.primary);
  await client.untilText("one\n");
  await client.send("hello\n");
  await client.untilText("hello\n");
  assert.equal(rig.proxy.stats().ports.primary.sessions, 1);
});

testFronts(
  "proxy passes large data to a slow reader with bounded memory",
  async (open) => {
    const sizeBytes = 256 * 1024 * 1024;
    let sentBytes = 0;
    await using backend = new TestBackend(async (connection) => {
      await readStartup(connection);
      const block = new Uint8Array(1024 * 1024);
      for (let i = 0; i < block.length; i++) block[i] = i % 251;
      while (sentBytes < sizeBytes) {
        await sendAll(connection, block);
        sentBytes += block.length;
      }
    });
    await using rig = await open();
    await rig.keys.primary("n1", backend.port);
    await rig.keys.lead("n1");
    const port = rig.proxy.ports.primary;
    using client = await Deno.connect({ hostname: "127.0.0.1", port });
    await sendAll(client, startupPacket());
    // Nobody reads: the backend must come to a stop.
    await until("the backend starts", () => sentBytes > 0);
    let before = -1;
    await until("the backend is held back", async () => {
      const isStill = before === sentBytes;
      before = sentBytes;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return isStill;
    });
    assert.ok(before < sizeBytes / 4, `${before} bytes went somewhere`);
    const buffer = new Uint8Array(300_000);
    let received = 0;
    let wrong = 0;
    const size = 1024 * 1024;
    for (let n; (n = await client.read(buffer)) !== null;) {
      if (buffer[0] !== (received % size) % 251) wrong++;
      received += n;
    }
    assert.deepEqual({ received, wrong }, { received: sizeBytes, wrong: 0 });
    const [stats] = rig.proxy.stats().backends;
    assert.equal(stats?.bytesReceived, sizeBytes);
  },
);

testFronts(
  "proxy passes the end of one half on, and the rest of the other",
  async (open) => {
    await using backend = new TestBackend(async (connection) => {
      await sendAll(connection, new TextEncoder().encode("go\n"));
      const buffer = new Uint8Array(100);
      let seen = 0;
      for (let n; (n = await connection.read(buffer)) !== null;) seen += n;
      await sendAll(connection, new TextEncoder().encode(`saw ${seen}`));
    });
    await using rig = await open();
    await rig.keys.primary("n1", backend.port);
    await rig.keys.lead("n1");
    await using client = await TestClient.connect(rig.proxy.ports.primary);
    await client.untilText("go\n");
    await client.send("12345");
    await client.conn.closeWrite();
    await client.untilText(`saw ${startupPacket().length + 5}`);
    await client.untilEnd();
    await until("the session is over", () => rig.proxy.state().sessions === 0);
  },
);

testFronts(
  "proxy cuts sessions when the leader key goes and moves to the next leader",
  async (open) => {
    await using rig = await open();
    await using one = echoBackend("one");
    await using two = echoBackend("two");
    await rig.keys.primary("n1", one.port);
    await rig.keys.replica("n2", two.port);
    await rig.keys.lead("n1");
    await using old = await TestClient.connect(rig.proxy.ports.primary);
    await old.untilText("one\n");
    await rig.keys.remove("leader");
    await old.untilEnd();

    await using held = await TestClient.connect(rig.proxy.ports.primary);
    await until("it is held", () => rig.proxy.state().held === 1);
    await rig.keys.lead("n2");
    // Still a replica: not yet.
    await until(
      "the proxy sees the leader",
      () =>
        rig.proxy.stats().routes.exclusions.some((e) =>
          e.reason === "not_primary"
        ),
    );
    assert.equal(held.text, "");
    await rig.keys.primary("n2", two.port);
    await held.untilText("two\n");
    assert.equal(rig.proxy.stats().ports.primary.cut, 1);
  },
);

testFronts(
  "proxy cuts sessions when the leader is no longer a running primary",
  async (open) => {
    await using rig = await open();
    await using one = echoBackend("one");
    await rig.keys.primary("n1", one.port);
    await rig.keys.lead("n1");
    await using client = await TestClient.connect(rig.proxy.ports.primary);
    await client.untilText("one\n");
    await rig.keys.member("n1", { port: one.port, role: "demoted" });
    await client.untilEnd();
  },
);

testFronts(
  "proxy holds a client through refused dials and keeps its early bytes",
  async (open) => {
    await using rig = await open();
    const port = freePort();
    await rig.keys.primary("n1", port);
    await rig.keys.lead("n1");
    await using client = await TestClient.connect(rig.proxy.ports.primary);
    await client.send("early ");
    const failures = (): number => {
      const [backend] = rig.proxy.stats().backends;
      return backend?.dialFailures ?? 0;
    };
    await until("some dials failed", () => failures() > 1);
    await client.send("words");
    await using _backend = echoBackend("late", port);
    await client.untilText("late\nearly words");
    await client.send(" and more");
    await client.untilText("early words and more");
  },
);

testFronts("proxy answers 57P03 when the hold time is up", async (open) => {
  await using rig = await open({ holdTimeoutMs: 150 });
  await using client = await TestClient.connect(rig.proxy.ports.primary);
  await client.untilEnd();
  assert.match(client.text, /^E/);
  assert.match(client.text, /C57P03\0/);
  assert.match(client.text, /SFATAL\0/);
  assert.equal(rig.proxy.stats().ports.primary.holdTimeouts, 1);
});

testFronts(
  "proxy gives up a blackhole when the hold time is up",
  async (open) => {
    using hole = await BlackHole.open();
    await using rig = await open({ holdTimeoutMs: 300 });
    await rig.keys.primary("n1", hole.port);
    await rig.keys.lead("n1");
    await using client = await TestClient.connect(rig.proxy.ports.primary);
    await client.untilEnd();
    assert.match(client.text, /C57P03\0/);
  },
);

testFronts(
  "proxy leaves a blackhole at once when the route changes",
  async (open) => {
    using hole = await BlackHole.open();
    await using two = echoBackend("two");
    await using rig = await open({ holdTimeoutMs: 600_000 });
    await rig.keys.primary("n1", hole.port);
    await rig.keys.primary("n2", two.port);
    await rig.keys.lead("n1");
    await until(
      "n1 is routed",
      () => rig.proxy.stats().routes.primary?.name === "n1",
    );
    await using client = await TestClient.connect(rig.proxy.ports.primary);
    await until("it dials", () => rig.proxy.state().sessions === 1);
    await rig.keys.lead("n2");
    await client.untilText("two\n");
  },
);

testFronts(
  "proxy drops a client that leaves while it is held",
  async (open) => {
    await using rig = await open({ holdTimeoutMs: 600_000 });
    {
      await using _client = await TestClient.connect(rig.proxy.ports.primary);
      await until("it is held", () => rig.proxy.state().held === 1);
    }
    await until("it is dropped", () => rig.proxy.state().held === 0);
    assert.equal(rig.proxy.stats().ports.primary.gone, 1);
  },
);

testFronts("proxy answers 53300 to one client too many", async (open) => {
  await using rig = await open({ connectionsMax: 1 });
  await using one = echoBackend("one");
  await rig.keys.primary("n1", one.port);
  await rig.keys.lead("n1");
  await using first = await TestClient.connect(rig.proxy.ports.primary);
  await first.untilText("one\n");
  await using second = await TestClient.connect(rig.proxy.ports.replica);
  await second.untilEnd();
  assert.match(second.text, /C53300\0Msorry, too many clients already\0/);
  assert.equal(first.isEnded, false);
});

testFronts(
  "proxy spreads readers, spares a replica that lags and leaves its sessions",
  async (open) => {
    await using rig = await open();
    await using two = echoBackend("two");
    await using three = echoBackend("three");
    await rig.keys.primary("n1", freePort());
    await rig.keys.lead("n1");
    await rig.keys.replica("n2", two.port);
    await rig.keys.replica("n3", three.port);
    await until(
      "both are routed",
      () => rig.proxy.stats().routes.replicas.length === 2,
    );
    const port = rig.proxy.ports.replica;
    // Two at the same moment could meet in the same place.
    await using a = await TestClient.connect(port);
    await a.untilText("\n");
    await using b = await TestClient.connect(port);
    await b.untilText("\n");
    assert.deepEqual([a.text, b.text].sort(), ["three\n", "two\n"]);

    const behind = { replication_state: "streaming", xlog_location: 800 };
    await rig.keys.member("n2", { port: two.port, ...behind });
    await until(
      "one is routed",
      () => rig.proxy.stats().routes.replicas.length === 1,
    );
    await using c = await TestClient.connect(port);
    await c.untilText("three\n");
    assert.deepEqual([a.isEnded, b.isEnded], [false, false]);

    await rig.keys.remove("members/n2");
    const onTwo = a.text === "two\n" ? a : b;
    await onTwo.untilEnd();
  },
);

testFronts("proxy reaches another replica when one refuses", async (open) => {
  await using rig = await open();
  await using three = echoBackend("three");
  await rig.keys.replica("n2", freePort());
  await rig.keys.replica("n3", three.port);
  await until(
    "both are routed",
    () => rig.proxy.stats().routes.replicas.length === 2,
  );
  await using client = await TestClient.connect(rig.proxy.ports.replica);
  await client.untilText("three\n");
});

testFronts(
  "proxy keeps routes and sessions when the DCS is away",
  async (open) => {
    await using rig = await open({ dcsTimeoutMs: 50 });
    await using one = echoBackend("one");
    await rig.keys.primary("n1", one.port);
    await rig.keys.lead("n1");
    await using client = await TestClient.connect(rig.proxy.ports.primary);
    await client.untilText("one\n");
    rig.dcs.cutOff();
    // A change that the proxy cannot see makes it read in vain.
    rig.proxy.refreshRoutes();
    await until(
      "it notices",
      () => rig.proxy.stats().dcs.kind === "unreachable",
    );
    await client.send("still here");
    await client.untilText("still here");
    await using late = await TestClient.connect(rig.proxy.ports.primary);
    await late.untilText("one\n");
    rig.dcs.heal();
    await until(
      "it reads again",
      () => rig.proxy.stats().dcs.kind === "reachable",
    );
  },
);

testFronts("proxy answers on its statistics port", async (open) => {
  await using rig = await open();
  await using one = echoBackend("one");
  await rig.keys.primary("n1", one.port);
  await rig.keys.lead("n1");
  await using client = await TestClient.connect(rig.proxy.ports.primary);
  await client.untilText("one\n");
  const base = `http://127.0.0.1:${rig.statsPort}`;
  const get = async (path: string): Promise<string> =>
    await (await fetch(base + path)).text();
  assert.equal(await get("/healthz"), "ok\n");
  assert.match(await get("/"), /<!doctype html>/);
  const stats: unknown = JSON.parse(await get("/stats"));
  assert.ok(typeof stats === "object" && stats !== null && "routes" in stats);
  const metrics = await get("/metrics");
  assert.match(
    metrics,
    /^matriarch_proxy_sessions\{scope="demo",route="primary"\} 1$/m,
  );
  assert.deepEqual(await promtoolComplaints(metrics) ?? [], []);
  // A proxy beside an agent counts fencings, too; these stand alone.
  const names = (await monitoredNames(/^matriarch_proxy_/))
    .filter((name) => name !== "matriarch_proxy_fencings_total");
  assert.deepEqual(undeclared(names, metrics), []);
});

testFronts(
  "proxy tells how long dialing, waiting and sessions took",
  async (open) => {
    await using rig = await open();
    await using one = echoBackend("one");
    const stats = () => rig.proxy.stats().ports["primary"].times;
    const client = await TestClient.connect(rig.proxy.ports.primary);
    await until(
      "it waits",
      () => rig.proxy.stats().ports["primary"].waited === 1,
    );
    await rig.keys.primary("n1", one.port);
    await rig.keys.lead("n1");
    await client.untilText("one\n");
    assert.equal(stats().hold.counts.at(-1), 1);
    assert.ok(stats().hold.sum > 0);
    assert.equal(stats().dial.counts.at(-1), 1);
    assert.equal(stats().session.counts.at(-1), 0);
    await client[Symbol.asyncDispose]();
    await until("it has ended", () => stats().session.counts.at(-1) === 1);
    const metrics =
      await (await fetch(`http://127.0.0.1:${rig.statsPort}/metrics`)).text();
    for (const timing of ["hold", "session", "dial"]) {
      const name = `matriarch_proxy_${timing}_seconds`;
      const labels = 'scope="demo",route="primary"';
      assert.ok(metrics.includes(`\n# TYPE ${name} histogram\n`));
      assert.ok(metrics.includes(`\n${name}_bucket{${labels},le="+Inf"} 1\n`));
      assert.ok(metrics.includes(`\n${name}_count{${labels}} 1\n`));
    }
  },
);

testFronts(
  "proxy says in one sentence which port is taken, and opens nothing",
  async (open) => {
    await using other = echoBackend("other");
    const primaryPort = freePort();
    await assert.rejects(
      open({ primaryPort, replicaPort: other.port }),
      {
        name: "ProxyStartError",
        message: `Cannot listen on 127.0.0.1:${other.port} ` +
          "(proxy.replica_port): another program uses the port",
      },
    );
    Deno.listen({ hostname: "127.0.0.1", port: primaryPort }).close();
  },
);

testFronts(
  "proxy serves clients while its statistics port is taken, and has it as soon as it is free",
  async (open) => {
    await using one = echoBackend("one");
    const other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const statsPort = other.addr.port;
    const clock = new HurriedClock();
    await using rig = await open({
      clock,
      stats: { ...STATS, port: statsPort },
    });
    await rig.keys.primary("n1", one.port);
    await rig.keys.lead("n1");
    await using client = await TestClient.connect(rig.proxy.ports.primary);
    await client.untilText("one\n");
    const warnings = rig.log.lines.filter((line) => /^WARNING/.test(line));
    assert.deepEqual(warnings, [
      `WARNING Cannot listen on 127.0.0.1:${statsPort} (proxy.stats_port): ` +
      "another program uses the port; clients are served without " +
      "statistics, which are tried again every 5 s",
    ]);
    other.close();
    const isThere = async (): Promise<boolean> => {
      const response = await fetch(`http://127.0.0.1:${statsPort}/healthz`)
        .catch(() => null);
      return await response?.text() === "ok\n";
    };
    await until("the statistics are there", isThere);
    assert.equal(rig.log.lines.filter((l) => /^WARNING/.test(l)).length, 1);
  },
);

testFronts(
  "with fallback a standby cluster's leader serves reads, and no writes",
  async (open) => {
    await using one = echoBackend("one");
    await using two = echoBackend("two");
    await using rig = await open({
      isReplicaFallback: true,
      holdTimeoutMs: 200,
    });
    const lead = { port: one.port, role: "standby_leader" };
    await rig.keys.member("n1", lead);
    await rig.keys.lead("n1");
    await using reader = await TestClient.connect(rig.proxy.ports.replica);
    await reader.untilText("one\n");
    await using writer = await TestClient.connect(rig.proxy.ports.primary);
    await writer.untilEnd();
    assert.match(writer.text, /C57P03\0/);
    await rig.keys.replica("n2", two.port);
    const isRouted = () => rig.proxy.stats().routes.replicas.length === 1;
    await until("n2 is routed", isRouted);
    await using next = await TestClient.connect(rig.proxy.ports.replica);
    await next.untilText("two\n");
    // Who is on the leader may stay, also while it is about to stop.
    await rig.keys.member("n1", { ...lead, state: "stopping" });
    const { exclusions } = rig.proxy.stats().routes;
    assert.ok(exclusions.every(({ reason }) => reason !== "stopping"));
    const isResting = () =>
      rig.proxy.stats().routes.exclusions.some((one) =>
        one.route === "replica" && one.reason === "stopping"
      );
    await until("n1 takes no new readers", isResting);
    await reader.send("still here");
    await reader.untilText("still here");
  },
);
