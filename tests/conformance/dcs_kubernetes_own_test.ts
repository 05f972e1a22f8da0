/**
 * What the port does not say of every store, on a real API server: the leader's
 * record as its observers time it, the term that an old leader's late write finds,
 * a watch that has missed too much, Endpoints and labels.
 */
import assert from "node:assert/strict";
import { KubeApi } from "../../lib/adapters/kubernetes/api.ts";
import type { DcsKubernetes } from "../../lib/adapters/kubernetes/dcs_kubernetes.ts";
import type { KubernetesMember } from "../../lib/adapters/kubernetes/options.ts";
import type { Dcs } from "../../lib/ports/dcs.ts";
import { SessionGoneError } from "../../lib/ports/errors.ts";
import { kubernetesSkipReason } from "../helpers/kube_apiserver_program.ts";
import { KubernetesServer } from "../helpers/kubernetes.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import { etcdctl } from "./dcs_etcd_access.ts";
import {
  contents,
  eventually,
  guardedPut,
  LIMITS,
  put,
  Recorder,
  revisionOf,
  TTL_MS,
} from "./dcs_fixture.ts";
import {
  type GivenOptions,
  kubernetesDcs,
  kubernetesOptions,
  labelsOf,
} from "./dcs_kubernetes_access.ts";

const skipReason = kubernetesSkipReason();
const ABSENT = { kind: "absent" } as const;
const LAYOUT = { hasEndpoints: true };

/** A server, and clients that are closed in the end. */
interface Scene {
  readonly server: KubernetesServer;
  readonly connect: (given?: GivenOptions) => DcsKubernetes;
  readonly signal: AbortSignal;
}

Deno.test({
  name: "Kubernetes keeps its own promises" +
    (skipReason === null ? "" : ` (skipped: ${skipReason})`),
  ignore: skipReason !== null,
  fn: async (t) => {
    await using server = await KubernetesServer.start();
    for (const [at, [name, play]] of CASES.entries()) {
      await t.step(name, () => scene(server, `own${at}`, play));
    }
  },
});

async function scene(
  server: KubernetesServer,
  base: string,
  play: (scene: Scene) => Promise<void>,
): Promise<void> {
  const clients: Dcs[] = [];
  const ending = new AbortController();
  const connect = (given: GivenOptions = {}): DcsKubernetes => {
    const layout = { base, labels: labelsOf(base), ...given.layout };
    const dcs = kubernetesDcs(server, { ...given, layout });
    clients.push(dcs);
    return dcs;
  };
  try {
    await play({ server, connect, signal: ending.signal });
  } finally {
    ending.abort();
    for (const dcs of clients) await dcs.close();
  }
}

/** Takes the lead; returns session and term. */
async function lead(dcs: Dcs, name: string, ttlMs: number) {
  const { id: session } = await dcs.openSession(ttlMs, LIMITS);
  const bid = { value: name, guard: ABSENT, session };
  const term = revisionOf(await guardedPut(dcs, "leader", bid));
  return { session, term };
}

function leaderOf(dcs: Dcs) {
  return async () =>
    (await dcs.readFresh(LIMITS)).entries.find(({ key }) => key === "leader");
}

function member(name: string): KubernetesMember {
  return {
    name,
    labels: {
      ...{ role: "role", leaderValue: "primary", followerValue: "replica" },
      ...{ standbyLeaderValue: "primary", temporaryRole: null, bootstrap: {} },
    },
    podIp: "10.1.1.1",
    ports: [{ name: "postgresql", port: 5433 }],
    warn: () => {},
  };
}

/** A silent leader is over for everybody who watched it, and members stay. */
async function silence({ server, connect, signal }: Scene): Promise<void> {
  const [dcs, other] = [connect(), connect()];
  const recorder = new Recorder();
  other.watch(recorder, signal);
  await eventually(() => recorder.resets > 0, () => recorder);
  await server.makePod("silent-1", labelsOf("own0"));
  await put(dcs, "members/silent-1", "{}");
  const { session } = await lead(dcs, "silent-1", TTL_MS);
  // Nothing happens in the store, and yet it is told.
  await eventually(
    () => recorder.valuesOf("leader").at(-1) === null,
    () => recorder,
  );
  assert.deepEqual(recorder.valuesOf("leader"), ["silent-1", null]);
  assert.deepEqual(await contents(other), { "members/silent-1": "{}" });
  // Whoever comes now gives it a whole ttl of its own.
  const late = connect();
  assert.equal((await contents(late))["leader"], "silent-1");
  await eventually(
    async () => !("leader" in await contents(late)),
    () => "it is never over",
  );
  assert.equal(await dcs.renewSession(session, LIMITS), "gone");
  await assert.rejects(
    guardedPut(dcs, "leader", { value: "silent-1", guard: ABSENT, session }),
    SessionGoneError,
  );
  assert.equal((await lead(other, "n2", 60_000)).term.length, 32);
}

async function renewal({ connect }: Scene): Promise<void> {
  const [dcs, other] = [connect(), connect()];
  const since = performance.now();
  const { session, term } = await lead(dcs, "n1", TTL_MS);
  await eventually(async () => {
    assert.equal(await dcs.renewSession(session, LIMITS), "alive");
    assert.equal((await leaderOf(other)())?.revision, term);
    return performance.now() - since > 2 * TTL_MS;
  }, () => "time stands still");
  assert.equal((await leaderOf(dcs)())?.isHeld, true);
  assert.equal((await leaderOf(other)())?.isHeld, false);
}

/** A new process of the same member, and a key that is given back. */
async function restart({ connect }: Scene): Promise<void> {
  const [before, now] = [connect(), connect()];
  const first = await lead(before, "n1", 60_000);
  const { id: session } = await now.openSession(60_000, LIMITS);
  assert.equal((await leaderOf(now)())?.isHeld, false);
  const own = { kind: "value_is", value: "n1" } as const;
  const term = revisionOf(
    await guardedPut(now, "leader", { value: "n1", guard: own, session }),
  );
  assert.notEqual(term, first.term);
  assert.equal((await leaderOf(now)())?.isHeld, true);
  assert.equal((await leaderOf(before)())?.isHeld, false);
  assert.equal(await before.renewSession(first.session, LIMITS), "gone");
  assert.equal(await now.renewSession(session, LIMITS), "alive");
  const edits = [{ kind: "delete", key: "leader" }] as const;
  const when = [{
    kind: "revision_is",
    key: "leader",
    revision: term,
  }] as const;
  assert.equal((await now.write({ when, edits }, LIMITS)).kind, "done");
  assert.equal(await leaderOf(now)(), undefined);
  assert.equal(await now.renewSession(session, LIMITS), "alive");
  assert.equal((await lead(before, "n2", 60_000)).term.length, 32);
}

/** Four want it at the moment when it is free. */
async function race({ connect }: Scene): Promise<void> {
  const holder = connect();
  const bidders = [connect(), connect(), connect(), connect()];
  await lead(holder, "n0", TTL_MS);
  const sessions = await Promise.all(
    bidders.map((dcs) => dcs.openSession(60_000, LIMITS)),
  );
  const won = new Set<number>();
  await eventually(async () => {
    await Promise.all(bidders.map(async (dcs, at) => {
      const session = sessions[at]?.id;
      assert.ok(session !== undefined);
      const bid = { value: `n${at + 1}`, guard: ABSENT, session };
      const { kind } = await guardedPut(dcs, "leader", bid);
      if (kind === "done") won.add(at);
    }));
    return won.size > 0;
  }, () => "nobody ever gets it");
  assert.equal(won.size, 1);
  assert.equal((await leaderOf(holder)())?.value, `n${[...won][0]! + 1}`);
}

/**
 * An old leader has looked that its term lasts, and its write of the sync key is
 * on its way for long: the new leader's bid makes it void.
 */
async function lateWrite({ server, connect }: Scene): Promise<void> {
  const [old, next] = [connect(), connect()];
  const sync = (name: string) =>
    JSON.stringify({ leader: name, quorum: 0, sync_standby: null });
  const { term } = await lead(old, "n1", TTL_MS);
  const first = await guardedPut(old, "sync", {
    ...{ value: sync("n1"), guard: ABSENT },
    onlyWhile: { key: "leader", revision: term },
  });
  assert.equal(first.kind, "done");
  const path = "/api/v1/namespaces/default/configmaps/own4-sync";
  const { metadata } = await server.must("GET", path);
  const { resourceVersion } = Object(metadata);
  const bid = { value: "n2", guard: ABSENT };
  const { id: session } = await next.openSession(60_000, LIMITS);
  await eventually(
    async () =>
      (await guardedPut(next, "leader", { ...bid, session })).kind === "done",
    () => "the lead is never free",
  );
  const late = {
    metadata: { resourceVersion, annotations: { leader: "n1x" } },
  };
  assert.equal((await server.ask("PATCH", path, late)).status, 409);
  assert.equal((await contents(next))["sync"], sync("n1"));
  const write = guardedPut(old, "sync", {
    ...{ value: sync("n1"), guard: { kind: "none" } },
    onlyWhile: { key: "leader", revision: term },
  });
  assert.equal((await write).kind, "condition_failed");
}

/** What a store has forgotten, and a server that was killed. */
async function tooOld({ server, connect, signal }: Scene): Promise<void> {
  const dcs = connect();
  const recorder = new Recorder();
  dcs.watch(recorder, signal);
  await eventually(() => recorder.resets > 0, () => recorder);
  await put(dcs, "config", "1");
  const { metadata } = await server.must("GET", "/api/v1/configmaps");
  const now = Object(metadata).resourceVersion;
  await etcdctl([server.etcdEndpoint], ["compact", String(now)]);
  await server.kill();
  await assert.rejects(dcs.readFresh({ timeoutMs: 500 }), /Cannot reach/);
  await server.restart();
  await put(connect(), "config", "2");
  await eventually(
    () => recorder.valuesOf("config").at(-1) === "2",
    () => recorder,
  );
  assert.equal(recorder.resets, 1);
  // The new server knows nothing of what was before it.
  const api = new KubeApi(kubernetesOptions(server));
  const since = { kind: "configmaps", since: 1n } as const;
  const limit = AbortSignal.timeout(20_000);
  assert.equal(await api.watch(since, () => {}, limit), "too_old");
  api.close();
}

/** Its connections are there, but nothing comes. */
async function deadWatch({ server, connect, signal }: Scene): Promise<void> {
  await using link = new SeverableLink(server.port);
  const endpoint = `https://127.0.0.1:${link.port}`;
  const dcs = connect({ credentials: { server: endpoint } });
  dcs.watch(new Recorder(), signal);
  await put(dcs, "config", "1");
  link.sever();
  await assert.rejects(dcs.read({ timeoutMs: 500 }), /no answer in time/);
  await put(connect(), "config", "2");
  link.heal();
  await eventually(
    async () => (await contents(dcs, "read"))["config"] === "2",
    () => "it is never seen",
  );
  await dcs.close();
}

async function endpoints({ server, connect }: Scene): Promise<void> {
  await server.makePod("ep-0", labelsOf("own7"));
  const dcs = connect({ layout: LAYOUT, member: member("ep-0") });
  const path = "/api/v1/namespaces/default/endpoints/own7";
  const subsets = async () => (await server.must("GET", path))["subsets"];
  const { session, term } = await lead(dcs, "ep-0", 60_000);
  const [subset] = Object(await subsets());
  const [address] = subset.addresses;
  assert.deepEqual([address.ip, address.targetRef.name], ["10.1.1.1", "ep-0"]);
  assert.deepEqual(subset.ports, [
    { name: "postgresql", port: 5433, protocol: "TCP" },
  ]);
  // As a controller does that finds no pod for a Service.
  await server.must("PATCH", path, { subsets: [] });
  assert.equal(await subsets(), undefined);
  await eventually(async () => {
    assert.equal(await dcs.renewSession(session, LIMITS), "alive");
    return await subsets() !== undefined;
  }, () => "the address never comes back");
  await put(dcs, "members/ep-0", '{"state":"running","role":"primary"}');
  const service = "/api/v1/namespaces/default/services/own7-config";
  assert.equal(
    Object((await server.must("GET", service))["spec"]).clusterIP,
    "None",
  );
  const edits = [{ kind: "delete", key: "leader" }] as const;
  const when = [{
    kind: "revision_is",
    key: "leader",
    revision: term,
  }] as const;
  await dcs.write({ when, edits }, LIMITS);
  assert.equal(await subsets(), undefined);
  await dcs.removeScope(LIMITS);
  assert.equal((await server.ask("GET", path)).status, 404);
}

async function labels({ server, connect }: Scene): Promise<void> {
  await server.makePod("pod-0", labelsOf("own8"));
  const dcs = connect({ member: member("pod-0") });
  const shown = async () => {
    const path = "/api/v1/namespaces/default/pods/pod-0";
    return Object((await server.must("GET", path))["metadata"]).labels.role;
  };
  const touch = (state: string, role: string) =>
    put(dcs, "members/pod-0", JSON.stringify({ state, role }));
  await touch("running", "replica");
  assert.equal(await shown(), "replica");
  const { term } = await lead(dcs, "pod-0", 60_000);
  await touch("running", "primary");
  assert.equal(await shown(), "primary");
  const edits = [{ kind: "delete", key: "leader" }] as const;
  const when = [{
    kind: "revision_is",
    key: "leader",
    revision: term,
  }] as const;
  await dcs.write({ when, edits }, LIMITS);
  await touch("running", "primary");
  assert.equal(await shown(), undefined);
}

const CASES: readonly (readonly [string, (scene: Scene) => Promise<void>])[] = [
  ["a leader of whom nothing is heard is over, its pod is not", silence],
  ["a leader that renews leads on, in one term", renewal],
  ["a new process binds the key anew, and gives it back", restart],
  ["of four bids for a lost leader's key one wins", race],
  ["a late write of an old term is refused", lateWrite],
  ["a watch goes on after a server that was killed and compacted", tooOld],
  ["a watch that is cut off without a word is noticed", deadWatch],
  ["with Endpoints the Service leads to the leader", endpoints],
  ["a pod's label is its role", labels],
];
