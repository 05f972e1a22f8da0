/**
 * Who may see the statistics, and how: a login, TLS, addresses of their own,
 * nobody at all; and the CSV that collectors of HAProxy's know, beside a real one.
 */
import assert from "node:assert/strict";
import type { StatsOptions } from "../../proxy/options.ts";
import { certificate } from "../conformance/dcs_etcd_access.ts";
import { freePort } from "../helpers/free_ports.ts";
import { skipReason } from "../helpers/skip_reason.ts";
import { echoBackend, TestClient } from "../helpers/tcp.ts";
import { ProxyRig, STATS } from "./proxy_rig.ts";

function open(stats: Partial<StatsOptions> | null): Promise<ProxyRig> {
  return ProxyRig.open({ stats: stats && { ...STATS, ...stats } });
}

function login(text: string): RequestInit {
  return { headers: { authorization: `Basic ${btoa(text)}` } };
}

Deno.test("the statistics are for who has the password", async () => {
  await using rig = await open({
    login: { username: "watch", password: "me" },
  });
  const base = `http://127.0.0.1:${rig.statsPort}`;
  for (const path of ["/", "/stats", "/metrics", "/;csv", "/nothing"]) {
    for (const wrong of [{}, login("watch:you"), login("me:watch")]) {
      const answer = await fetch(base + path, wrong);
      await answer.text();
      assert.equal(answer.status, 401, path);
      assert.match(answer.headers.get("www-authenticate") ?? "", /^Basic /);
    }
  }
  const right = await fetch(`${base}/stats`, login("watch:me"));
  assert.equal((await right.json()).scope, "demo");
  const health = await fetch(`${base}/healthz`);
  assert.equal(await health.text(), "ok\n", "a health check has no login");
});

Deno.test("the statistics have addresses and networks of their own", async () => {
  await using rig = await open({ listen: ["127.0.0.7"], allow: ["127.0.0.8"] });
  const port = rig.statsPort;
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port }));
  const stranger = await Deno.connect({ hostname: "127.0.0.7", port });
  assert.equal(await stranger.read(new Uint8Array(1)), null, "not allowed");
  stranger.close();
});

Deno.test("the statistics can be left out", async () => {
  await using rig = await open(null);
  assert.equal(rig.proxy.ports.stats, null);
  await using one = echoBackend("one");
  await rig.keys.primary("n1", one.port);
  await rig.keys.lead("n1");
  await using client = await TestClient.connect(rig.proxy.ports.primary);
  await client.untilText("one\n");
});

const noOpenssl = skipReason("openssl", "openssl");
Deno.test({
  name: "the statistics by TLS" + (noOpenssl ? ` (skipped: ${noOpenssl})` : ""),
  ignore: noOpenssl !== null,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-tls-" });
    try {
      const ca = await certificate(folder, "ca", null);
      const own = await certificate(folder, "server", ca);
      await using rig = await open({
        tls: {
          cert: await Deno.readTextFile(own.cert),
          key: await Deno.readTextFile(own.key),
        },
      });
      const url = `127.0.0.1:${rig.statsPort}/healthz`;
      using client = Deno.createHttpClient({
        caCerts: [await Deno.readTextFile(ca.cert)],
        poolMaxIdlePerHost: 0,
      });
      const answer = await fetch(`https://${url}`, { client });
      assert.equal(await answer.text(), "ok\n");
      await assert.rejects(fetch(`https://${url}`), "a stranger's certificate");
      await assert.rejects(fetch(`http://${url}`), "no TLS");
      const again = await fetch(`https://${url}`, { client });
      assert.equal(await again.text(), "ok\n");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** A line of CSV by the names of its columns. */
type Line = Readonly<Record<string, string>>;

function linesOf(text: string): readonly Line[] {
  const [head = "", ...rows] = text.trim().split("\n");
  const names = head.replace(/^# /, "").split(",");
  return rows.map((row) => {
    const cells = row.split(",");
    return Object.fromEntries(names.map((name, at) => [name, cells[at] ?? ""]));
  });
}

Deno.test("the statistics as CSV count what happened", async () => {
  await using rig = await open({});
  await using one = echoBackend("one");
  await rig.keys.primary("n1", one.port);
  await rig.keys.lead("n1");
  await using client = await TestClient.connect(rig.proxy.ports.primary);
  await client.untilText("one\n");
  for (const path of ["/;csv", "/stats;csv", "/haproxy?stats;csv"]) {
    const answer = await fetch(`http://127.0.0.1:${rig.statsPort}${path}`);
    const lines = linesOf(await answer.text());
    const of = (pxname: string, svname: string): Line | undefined =>
      lines.find((one) => one["pxname"] === pxname && one["svname"] === svname);
    assert.equal(of("primary", "FRONTEND")?.["scur"], "1");
    assert.equal(of("primary", "n1")?.["status"], "UP");
    assert.equal(of("primary", "BACKEND")?.["act"], "1");
    assert.equal(of("replica", "BACKEND")?.["status"], "DOWN");
  }
});

const noHaproxy = skipReason("haproxy", "haproxy");
Deno.test({
  name: "the columns of the CSV are those of a real HAProxy" +
    (noHaproxy ? ` (skipped: ${noHaproxy})` : ""),
  ignore: noHaproxy !== null,
  fn: async () => {
    const theirs = await haproxyHead();
    await using rig = await open({});
    const answer = await fetch(`http://127.0.0.1:${rig.statsPort}/;csv`);
    const [head = ""] = (await answer.text()).split("\n");
    const columns = head.split(",").filter((name) => name !== "");
    assert.deepEqual(columns, theirs.slice(0, columns.length));
  },
});

/** The names of the columns that a HAProxy of this machine has. */
async function haproxyHead(): Promise<readonly string[]> {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-haproxy-" });
  const port = freePort();
  const config = `${folder}/haproxy.cfg`;
  await Deno.writeTextFile(
    config,
    `defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend stats
  bind 127.0.0.1:${port}
  stats enable
  stats uri /
`,
  );
  const child = new Deno.Command("haproxy", {
    args: ["-db", "-f", config],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    const deadline = performance.now() + 20_000;
    for (;;) {
      try {
        const answer = await fetch(`http://127.0.0.1:${port}/;csv`);
        const [head = ""] = (await answer.text()).split("\n");
        return head.split(",");
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await Deno.remove(folder, { recursive: true });
  }
}
