/**
 * The REST interface of a real member: metrics that Prometheus takes, what a
 * thousand silent clients and nonsense do to the HA loop (nothing), and
 * certificates that come and change at a reload. One member, by goal and not for
 * thrift: it must keep its lease by itself.
 */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import fc from "fast-check";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { selfSigned } from "../helpers/certificates.ts";
import { pastCycles } from "../helpers/cycles.ts";
import {
  documentedFamilies,
  printedFamilies,
} from "../helpers/metric_families.ts";
import { monitoredNames, undeclared } from "../helpers/metric_names.ts";
import { promtoolComplaints } from "../helpers/promtool.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test("the REST interface of a real member", async (t) => {
    await using cluster = await AgentCluster.running({ members: 1 });
    const member = cluster.member("n1");
    await metrics(t, member);
    await explained(t, member);
    await crowd(t, cluster);
    await nonsense(t, cluster);
    await certificates(t, cluster);
    await ended(t, cluster);
  });
});

/** Members have them that took over, that have a proxy, slots, certificates. */
const ELSEWHERE: readonly string[] = [
  "matriarch_last_failover_seconds",
  "matriarch_fence_armed",
  "matriarch_slot_retained_bytes",
  "matriarch_certificate_expiry_timestamp_seconds",
];

/** What promtool's linter has against names that Patroni's dashboards need. */
const PATRONI_LINT =
  /^patroni_\w+ (counter metrics should have "_total" suffix|non-counter metrics should not have "_total" suffix)$/;

async function metrics(
  t: Deno.TestContext,
  member: AgentMember,
): Promise<void> {
  await step(t, "promtool takes the metrics", async () => {
    const { text } = await member.rest("/metrics");
    const complaints = await promtoolComplaints(text) ?? [];
    const own = complaints.filter((line) => !PATRONI_LINT.test(line));
    assert.deepEqual(own, []);
    assert.match(
      text,
      /^matriarch_cycle_seconds\{scope="batman",name="n1"\} /m,
    );
  });
  await step(t, "it has what alerts and dashboard look at", async () => {
    const { text } = await member.rest("/metrics");
    const names = (await monitoredNames(/^(patroni|matriarch_(?!proxy_))/))
      .filter((name) => !ELSEWHERE.includes(name));
    assert.deepEqual(undeclared(names, text), []);
    const documented = await documentedFamilies("Agents");
    const printed = printedFamilies(text);
    assert.ok(printed.length > 30);
    for (const family of printed) {
      const row = documented.find(({ name }) => name === family.name);
      assert.deepEqual(row, family);
    }
  });
}

async function explained(
  t: Deno.TestContext,
  member: AgentMember,
): Promise<void> {
  await step(t, "/explain says how it became leader", async () => {
    const { status, text } = await member.rest("/explain");
    assert.equal(status, 200);
    const { decisions, role } = JSON.parse(text);
    assert.equal(role, "primary");
    const kinds = decisions.map((entry: { decision: string }) =>
      entry.decision
    );
    assert.ok(kinds.includes("race_initialize"), kinds.join());
    const last = decisions.at(-1);
    assert.equal(last.reason, "leading");
    assert.match(last.text, /I am \(n1\), the leader with the lock/);
  });
}

/** What one look at a member's loop shows. */
interface LoopLook {
  readonly cycles: number;
  readonly seconds: number;
  readonly leaseSeconds: number;
}

async function look(member: AgentMember): Promise<LoopLook> {
  const { text } = await member.rest("/metrics");
  const value = (name: string): number =>
    Number(new RegExp(`^matriarch_${name}\\S* (\\S+)$`, "m").exec(text)?.[1]);
  return {
    cycles: value("cycles_total"),
    seconds: value("cycle_seconds"),
    leaseSeconds: value("lease_remaining_seconds"),
  };
}

/** Cycles that are watched with and without a crowd. */
const CYCLES = 40;

/** Wakes the loop again and again, looks at each cycle, and prints the figures. */
async function watchLoop(
  cluster: AgentCluster,
  name: string,
): Promise<readonly LoopLook[]> {
  const member = cluster.member("n1");
  const looks = new Map<number, LoopLook>();
  await cluster.until("the loop goes on", async () => {
    const seen = await look(member);
    looks.set(seen.cycles, seen);
    // Changes nothing; the loop is woken all the same.
    await member.rest("/config", { method: "PATCH", body: { loop_wait: 1 } });
    return looks.size >= CYCLES;
  });
  const seconds = [...looks.values()].map((seen) => seen.seconds)
    .sort((one, other) => one - other);
  const lease = Math.min(
    ...[...looks.values()].map(({ leaseSeconds }) => leaseSeconds),
  );
  const shown = (share: number): string =>
    (seconds[Math.floor(share * (seconds.length - 1))] ?? NaN).toFixed(3);
  console.log(
    `${name}: ${seconds.length} cycles, median ${shown(0.5)} s, p90 ` +
      `${shown(0.9)} s, longest ${shown(1)} s, shortest lease ` +
      `${lease.toFixed(1)} s`,
  );
  return [...looks.values()];
}

/** More than the listener takes, so that the oldest must go. */
const CLIENTS = 1_100;

async function crowd(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a crowd of silent clients leaves the loop alone", async () => {
    const { restPort } = cluster.member("n1").place;
    await watchLoop(cluster, "alone");
    const sockets: Socket[] = [];
    let isOver = false;
    const rude = Promise.all([
      slowClient(restPort, () => isOver),
      greedyClient(restPort, () => isOver),
    ]);
    try {
      // Those that the server has cut for their silence are replaced.
      const filling = (async () => {
        while (!isOver) {
          if (sockets.filter((socket) => !socket.destroyed).length < CLIENTS) {
            sockets.push(await silent(restPort));
          } else await new Promise((resolve) => setTimeout(resolve, 50));
        }
      })();
      await cluster.until(
        "the crowd is there",
        () => Promise.resolve(sockets.length >= CLIENTS),
      );
      const looks = await watchLoop(cluster, `with ${CLIENTS} clients`);
      assert.ok(looks.length > 0, "the loop was looked at");
      assert.ok(looks.every(({ leaseSeconds }) => leaseSeconds > 0));
      isOver = true;
      await filling;
    } finally {
      isOver = true;
      for (const socket of sockets) socket.destroy();
      console.log(`refused as too large: ${(await rude)[1]}`);
    }
    assert.ok((await rude)[1] > 0, "somebody asked for too much");
    assert.ok(sockets.length >= CLIENTS);
    assert.doesNotMatch(cluster.logs(), /demot|lost the leader lock/i);
  });
}

async function silent(port: number): Promise<Socket> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket: Socket = connect(port, "127.0.0.1", () => resolve());
  socket.on("error", () => socket.destroy());
  socket.on("close", () => resolve());
  await promise;
  return socket;
}

/** Sends a body byte by byte, again and again, until it is over. */
async function slowClient(port: number, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const socket = await silent(port);
    socket.write("PATCH /config HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{");
    while (!isOver() && !socket.destroyed) {
      socket.write(" ");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    socket.destroy();
  }
}

/** Says that more will come than a body may have, and begins to send it. */
async function greedyClient(
  port: number,
  isOver: () => boolean,
): Promise<number> {
  let refused = 0;
  while (!isOver()) {
    const socket = await silent(port);
    const closed = Promise.withResolvers<void>();
    let reply = "";
    socket.on("data", (chunk: Uint8Array) => reply += String(chunk));
    socket.on("close", () => closed.resolve());
    const head = "PUT /config HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n";
    if (socket.destroyed) continue;
    socket.write(head + "{".repeat(500_000));
    await closed.promise;
    if (reply.startsWith("HTTP/1.1 413 ")) refused += 1;
    // Bodies that are too large, not a flood of connections.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return refused;
}

const LINES = fc.constantFrom(
  "PATCH /config",
  "PUT /config",
  "POST /switchover",
  "POST /failover",
  "POST /restart",
  "POST /reinitialize",
  "POST /failsafe",
  "POST /citus",
  "DELETE /switchover",
  "DELETE /restart",
  "POST /nothing",
  "PUT /patroni",
);

/** No object that could be taken for a request. */
const NONSENSE = fc.oneof(
  fc.string({ unit: "binary" }).filter((text) => !text.startsWith("{")),
  fc.array(fc.jsonValue()).map((value) => JSON.stringify(value)),
  fc.constantFrom("{", "{}", '{"leader": 1}', '{"role": "queen"}', "null", ""),
  fc.constantFrom(
    '{"timeout": -1}',
    '{"schedule": "soon"}',
    '{"candidate": []}',
  ),
).filter((text) => new TextEncoder().encode(text).length > 2);

async function nonsense(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const member = cluster.member("n1");
  await step(t, "nonsense changes nothing", async () => {
    const before = await stateOf(cluster);
    const counts: Record<number, number> = {};
    await fc.assert(
      fc.asyncProperty(LINES, NONSENSE, async (line, body) => {
        const [method = "", path = ""] = line.split(" ");
        if (/^(PATCH|PUT) \/config|citus/.test(line) && body.startsWith('{"')) {
          return;
        }
        const response = await fetch(
          `http://127.0.0.1:${member.place.restPort}${path}`,
          { method, body },
        );
        await response.body?.cancel();
        const { status } = response;
        counts[status] = (counts[status] ?? 0) + 1;
        const isClients = (status >= 400 && status < 500) || status === 501 ||
          (status === 502 && path === "/failsafe") ||
          (status === 503 && path === "/reinitialize");
        assert.ok(isClients, `${line} ${body}: ${status}`);
      }),
      { numRuns: 300 },
    );
    console.log("replies by status:", counts);
    await pastCycles(cluster, member);
    assert.deepEqual(await stateOf(cluster), before);
  });
}

/** What nonsense could have changed. */
async function stateOf(cluster: AgentCluster): Promise<unknown> {
  const member = cluster.member("n1");
  const { config, failover, leader, sync, initialize } = await cluster.keys();
  const { role, timeline, postmaster_start_time: started } =
    await member.status() ?? {};
  return {
    ...{ config, failover, leader, sync, initialize },
    ...{ role, timeline, started, pid: member.pid },
  };
}

async function certificates(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const member = cluster.member("n1");
  const { restPort, directory } = member.place;
  const [certfile, keyfile] = [`${directory}/c.pem`, `${directory}/k.pem`];
  const renew = async (name: string): Promise<void> => {
    const { cert, key } = await selfSigned(name);
    await Deno.writeTextFile(keyfile, key);
    await Deno.writeTextFile(certfile, cert);
  };
  await step(t, "SIGHUP turns TLS on", async () => {
    await renew("first");
    const restapi = sectionOf(member.config, "restapi");
    member.config = {
      ...member.config,
      restapi: { ...restapi, certfile, keyfile },
    };
    member.writeConfig();
    member.signal("SIGHUP");
    await untilShown(cluster, { port: restPort, name: "first" });
    await cluster.until("the key says https", async () => {
      const { api_url: url } = Object(await cluster.key("members/n1"));
      return String(url).startsWith("https://");
    });
  });
  await step(t, "POST /reload takes a new certificate", async () => {
    await renew("second");
    assert.match(
      await overTls(restPort, "POST /reload HTTP/1.0\r\n\r\n"),
      /^first: HTTP\/1.1 202 .*reload scheduled$/s,
    );
    await untilShown(cluster, { port: restPort, name: "second" });
  });
  const before = member.config;
  const cacert = `${directory}/missing.pem`;
  const broken = [
    ["a broken certificate", "no certificate", {}],
    ["an authority that is missing", null, { ctl: { cacert } }],
    ["a certificate that is missing", null, {
      restapi: { ...sectionOf(before, "restapi"), certfile: cacert },
    }],
  ] as const;
  for (const [what, text, section] of broken) {
    await step(t, `${what} leaves all of the old configuration`, async () => {
      const good = await Deno.readTextFile(certfile);
      if (text !== null) await Deno.writeTextFile(certfile, text);
      const postgresql = sectionOf(before, "postgresql");
      const parameters = {
        ...sectionOf(postgresql, "parameters"),
        work_mem: "9MB",
      };
      member.config = {
        ...before,
        ...section,
        postgresql: { ...postgresql, parameters },
        tags: { half: true },
      };
      member.writeConfig();
      const seen = member.log().length;
      member.signal("SIGHUP");
      await cluster.until("the log tells it", () =>
        Promise.resolve(
          /Exception when reloading .* the configuration before stays/.test(
            member.log().slice(seen),
          ),
        ));
      const [row] = await member.sql("SHOW work_mem");
      assert.equal(row?.["work_mem"], "4MB");
      assert.match(
        await overTls(restPort, "GET /patroni HTTP/1.0\r\n\r\n"),
        /^second: HTTP\/1.1 200 (?!.*"half")/s,
      );
      await Deno.writeTextFile(certfile, good);
      member.config = before;
      member.writeConfig();
    });
  }
}

async function ended(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const member = cluster.member("n1");
  await step(t, "POST /sigterm ends the member in order", async () => {
    assert.match(
      await overTls(member.place.restPort, "POST /sigterm HTTP/1.0\r\n\r\n"),
      /^second: HTTP\/1.1 202 .*shutdown scheduled$/s,
    );
    assert.equal((await member.ended()).code, 0, member.logEnd());
    assert.equal(member.postmasterPid(), null);
    assert.equal((await cluster.keys())["leader"], undefined);
  });
}

async function untilShown(
  cluster: AgentCluster,
  { port, name }: { readonly port: number; readonly name: string },
): Promise<void> {
  await cluster.until(`certificate ${name} is shown`, async () => {
    const reply = await overTls(port, "GET /primary HTTP/1.0\r\n\r\n");
    return reply.startsWith(`${name}: HTTP/1.1 200 `);
  });
}

/** `name of the certificate: reply`. */
async function overTls(port: number, request: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let reply = "";
  let name = "";
  const socket = connectTls({
    host: "127.0.0.1",
    port,
    rejectUnauthorized: false,
  }, () => {
    name = String(socket.getPeerCertificate().subject.CN);
    socket.write(request);
  });
  socket.on("data", (chunk: Uint8Array) => reply += String(chunk));
  socket.on("error", reject);
  socket.on("close", () => resolve(`${name}: ${reply}`));
  return await promise;
}
