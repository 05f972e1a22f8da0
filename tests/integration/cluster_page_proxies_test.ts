/** Stand-alone proxies on the cluster page of a member: looked at by their statistics ports. */
import assert from "node:assert/strict";
import { lookAtProxies } from "../../lib/adapters/peers/proxy_looks.ts";
import type { ProxyLook } from "../../lib/ports/onlooker.ts";
import { freePort } from "../helpers/free_ports.ts";
import { echoBackend, TestClient, until } from "../helpers/tcp.ts";
import { ProxyRig, STATS } from "./proxy_rig.ts";

const LOGIN = { username: "ops", password: "p@ss:wörd" };

async function look(
  port: number | null,
  changes: Partial<Parameters<typeof lookAtProxies>[0]> = {},
): Promise<ProxyLook> {
  const urls = [`http://127.0.0.1:${port}`];
  const question = { urls, scope: "demo", login: null, ...changes };
  const [found] = await lookAtProxies(question);
  assert.ok(found !== undefined);
  assert.equal(found.name, `127.0.0.1:${port}`);
  return found;
}

function detailOf(found: ProxyLook): string {
  return found.kind === "silent" ? found.detail : assert.fail(found.name);
}

Deno.test("a proxy's clients are seen by its statistics port", async () => {
  await using rig = await ProxyRig.open({ scope: "demo", stats: STATS });
  await using backend = echoBackend("one");
  await rig.keys.primary("n1", backend.port);
  await rig.keys.lead("n1");
  await using client = await TestClient.connect(rig.proxy.ports.primary);
  await client.untilText("one\n");
  const { stats } = rig.proxy.ports;
  await until("its session is counted", async () => {
    const found = await look(stats);
    return found.kind === "answered" && found.sessions === 1;
  });
  const found = await look(stats);
  assert.ok(found.kind === "answered");
  assert.equal(found.held, 0);
  assert.equal(found.version, rig.proxy.stats().version);
  const other = await look(stats, { scope: "other" });
  assert.equal(detailOf(other), "it serves another cluster");
});

Deno.test("a proxy that asks for a login gets that of the member's own", async () => {
  await using rig = await ProxyRig.open({
    scope: "demo",
    stats: { ...STATS, login: LOGIN },
  });
  const { stats } = rig.proxy.ports;
  for (const login of [null, { ...LOGIN, password: "wrong" }]) {
    const refused = await look(stats, { login });
    assert.match(detailOf(refused), /^it asks for a login other than/);
  }
  assert.equal((await look(stats, { login: LOGIN })).kind, "answered");
});

Deno.test("what is no proxy is said", async () => {
  const place = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  await using server = Deno.serve(place, () => new Response("<html>"));
  const { port } = server.addr;
  const rubbish = detailOf(await look(port));
  assert.equal(rubbish, "what answers is no proxy of ours (200)");
  assert.match(detailOf(await look(freePort())), /ECONNREFUSED/);
});
