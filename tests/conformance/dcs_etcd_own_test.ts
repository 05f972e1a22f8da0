/**
 * What only etcd promises: how few requests a quiet cycle costs, that another
 * node takes over, that a login and TLS work, and that a silent network is seen.
 */
import { skipReason as programSkipReason } from "../helpers/skip_reason.ts";
import assert from "node:assert/strict";
import { EtcdClient } from "../../lib/adapters/etcd/client.ts";
import { DcsEtcd } from "../../lib/adapters/etcd/dcs_etcd.ts";
import { ScopeKeys } from "../../lib/adapters/etcd/keys.ts";
import { readScope } from "../../lib/adapters/etcd/requests.ts";
import {
  DcsRefusedError,
  DcsUnreachableError,
} from "../../lib/ports/errors.ts";
import { EtcdServers, etcdSkipReason } from "../helpers/etcd.ts";
import { RealClock } from "./dcs_clock.ts";
import { certificate, enableAuth, etcdctl } from "./dcs_etcd_access.ts";
import {
  contents,
  eventually,
  guardedPut,
  isRefused,
  LIMITS,
  put,
  Recorder,
} from "./dcs_fixture.ts";

const clock = new RealClock();
const scopePath = "/service/etcd";
const skipReason = etcdSkipReason();
const suffix = skipReason === null ? "" : ` (skipped: ${skipReason})`;
const ignore = skipReason !== null;
/** Users are made with etcd's own tool. */
const usersSkipReason = skipReason ??
  programSkipReason("etcdctl", "etcd-client");
const users = {
  suffix: usersSkipReason === null ? "" : ` (skipped: ${usersSkipReason})`,
  ignore: usersSkipReason !== null,
};
/**
 * gRPC looks after a connection that hangs, and etcd3 after the one it logged in
 * on, for some seconds longer than the client lives.
 */
const LINGERING = { sanitizeOps: false, sanitizeResources: false };

Deno.test({
  name: `etcd: a quiet cycle costs one keepalive${suffix}`,
  ignore,
  fn: async () => {
    await using servers = await EtcdServers.start();
    const { endpoints } = servers;
    const dcs = new DcsEtcd({ endpoints, scopePath, clock });
    const recorder = new Recorder();
    const ending = new AbortController();
    dcs.watch(recorder, ending.signal);
    await eventually(() => recorder.resets > 0, () => recorder);
    const { id: session } = await dcs.openSession(60_000, LIMITS);
    const guard = { kind: "absent" } as const;
    await guardedPut(dcs, "leader", { value: "n1", guard, session });
    await eventually(() => recorder.changes.length > 0, () => recorder);
    // The members are asked for once, beside the calls.
    let before = await servers.callCounts();
    await eventually(async () => {
      before = await servers.callCounts();
      return before.get("MemberList") === 1;
    }, () => before);
    for (let cycle = 0; cycle < 20; cycle++) {
      const { entries } = await dcs.read(LIMITS);
      assert.equal(entries[0]?.isHeld, true);
      await dcs.renewSession(session, LIMITS);
    }
    const cost: Record<string, number> = {};
    for (const [method, count] of await servers.callCounts()) {
      const more = count - (before.get(method) ?? 0);
      if (more !== 0) cost[method] = more;
    }
    assert.deepEqual(cost, { LeaseKeepAlive: 20 });
    ending.abort();
    await dcs.close();
  },
});

Deno.test({
  name: `etcd: calls and watch survive one stopped node of three${suffix}`,
  ignore,
  ...LINGERING,
  fn: async () => {
    await using servers = await EtcdServers.start({ nodes: 3 });
    const { endpoints } = servers;
    const dcs = new DcsEtcd({ endpoints, scopePath, clock });
    const recorder = new Recorder();
    const ending = new AbortController();
    dcs.watch(recorder, ending.signal);
    const { id: session } = await dcs.openSession(600_000, LIMITS);
    const bid = { value: "n1", guard: { kind: "absent" }, session } as const;
    await guardedPut(dcs, "leader", bid);
    await eventually(() => recorder.resets > 0, () => recorder);
    // The node in use hangs; it may be the one that leads the others.
    servers.nodes[0]?.freeze();
    const renewal = await dcs.renewSession(session, LIMITS);
    assert.equal(renewal, "alive");
    const guard = { kind: "value_is", value: "n1" } as const;
    const rebound = await guardedPut(dcs, "leader", { ...bid, guard });
    assert.equal(rebound.kind, "done");
    const resets = recorder.resets;
    const other = new DcsEtcd({
      endpoints: endpoints.slice(1),
      scopePath,
      clock,
    });
    await put(other, "config", "{}");
    await eventually(
      () => recorder.valuesOf("config").length > 0 || recorder.resets > resets,
      () => recorder,
    );
    assert.deepEqual(await contents(dcs), { config: "{}", leader: "n1" });
    ending.abort();
    await Promise.all([dcs.close(), other.close()]);
    servers.thaw();
  },
});

Deno.test({
  name: `etcd: a watcher that never calls notices a silent node${suffix}`,
  ignore,
  ...LINGERING,
  fn: async () => {
    await using servers = await EtcdServers.start({ nodes: 3 });
    const { endpoints } = servers;
    const watcher = new DcsEtcd({ endpoints, scopePath, clock });
    const recorder = new Recorder();
    const ending = new AbortController();
    watcher.watch(recorder, ending.signal);
    await eventually(() => recorder.resets > 0, () => recorder);
    servers.nodes[0]?.freeze();
    await eventually(() => recorder.resets > 1, () => recorder, 30_000);
    const writer = new DcsEtcd({
      endpoints: endpoints.slice(1),
      scopePath,
      clock,
    });
    await put(writer, "leader", "n2");
    await eventually(
      () => recorder.valuesOf("leader").at(-1) === "n2",
      () => recorder,
    );
    ending.abort();
    await Promise.all([watcher.close(), writer.close()]);
    servers.thaw();
  },
});

Deno.test({
  name: `etcd: a user may log in, and may not what others may${users.suffix}`,
  ignore: users.ignore,
  ...LINGERING,
  fn: async () => {
    await using servers = await EtcdServers.start();
    const { endpoints } = servers;
    await enableAuth(endpoints, scopePath);
    const login = () => ({ username: "agent", password: "pass" });
    const dcs = new DcsEtcd({ endpoints, scopePath, clock, login });
    const { id: session } = await dcs.openSession(60_000, LIMITS);
    const guard = { kind: "none" } as const;
    await guardedPut(dcs, "leader", { value: "n1", guard, session });
    assert.equal(await dcs.renewSession(session, LIMITS), "alive");
    assert.deepEqual(await contents(dcs, "read"), { leader: "n1" });
    await dcs.close();
    const path = "/service/other";
    const stray = new DcsEtcd({ endpoints, scopePath: path, clock, login });
    await assert.rejects(put(stray, "leader", "n1"), DcsRefusedError);
    await stray.close();
    const wrong = () => ({ username: "agent", password: "guess" });
    const guesser = new DcsEtcd({ endpoints, scopePath, clock, login: wrong });
    await assert.rejects(contents(guesser), DcsRefusedError);
    await guesser.close();
  },
});

Deno.test({
  name: `etcd: a login that etcd has forgotten is made again${users.suffix}`,
  ignore: users.ignore,
  ...LINGERING,
  fn: async () => {
    await using servers = await EtcdServers.start({ nodes: 3 });
    const { endpoints } = servers;
    await enableAuth(endpoints, scopePath);
    const login = () => ({ username: "agent", password: "pass" });
    const dcs = new DcsEtcd({ endpoints, scopePath, clock, login });
    const recorder = new Recorder();
    const ending = new AbortController();
    dcs.watch(recorder, ending.signal);
    const { id: session } = await dcs.openSession(60_000, LIMITS);
    await eventually(() => recorder.resets > 0, () => recorder);
    const asRoot = ["--user", "root:secret", "auth"];
    for (const [index, value] of ["a", "b", "c"].entries()) {
      // Both forget all tokens.
      await etcdctl(endpoints, [...asRoot, "disable"]);
      await etcdctl(endpoints, ["auth", "enable"]);
      if (index === 1) {
        assert.equal(await dcs.renewSession(session, LIMITS), "alive");
      }
      const guard = { kind: "none" } as const;
      await guardedPut(dcs, "leader", { value, guard, session });
      assert.deepEqual(await contents(dcs), { leader: value });
    }
    ending.abort();
    await dcs.close();
  },
});

Deno.test({
  name: `etcd: a new password is used without a new client${users.suffix}`,
  ignore: users.ignore,
  ...LINGERING,
  fn: async () => {
    await using servers = await EtcdServers.start({ nodes: 3 });
    const { endpoints } = servers;
    await enableAuth(endpoints, scopePath);
    let password = "pass";
    const login = () => ({ username: "agent", password });
    const dcs = new DcsEtcd({ endpoints, scopePath, clock, login });
    const recorder = new Recorder();
    const ending = new AbortController();
    dcs.watch(recorder, ending.signal);
    const { id: session } = await dcs.openSession(60_000, LIMITS);
    const asRoot = ["--user", "root:secret", "user"];
    await etcdctl(endpoints, [...asRoot, "delete", "agent"]);
    await etcdctl(endpoints, [...asRoot, "add", "agent:new pass"]);
    await etcdctl(endpoints, [...asRoot, "grant-role", "agent", "agents"]);
    await assert.rejects(contents(dcs), DcsRefusedError);
    password = "new pass";
    const guard = { kind: "none" } as const;
    await guardedPut(dcs, "leader", { value: "n1", guard, session });
    assert.equal(await dcs.renewSession(session, LIMITS), "alive");
    const resets = recorder.resets;
    await eventually(() => recorder.resets > resets, () => recorder);
    assert.deepEqual(await contents(dcs, "read"), { leader: "n1" });
    ending.abort();
    await dcs.close();
  },
});

Deno.test({
  name: `etcd: logins that expire every second are made again${users.suffix}`,
  ignore: users.ignore,
  ...LINGERING,
  fn: async () => {
    const directory = await Deno.makeTempDir({ prefix: "matriarch-jwt-" });
    try {
      const { cert, key } = await certificate(directory, "jwt", null);
      const authToken =
        `jwt,pub-key=${cert},priv-key=${key},sign-method=RS256,ttl=1s`;
      await using servers = await EtcdServers.start({ authToken });
      const { endpoints } = servers;
      await enableAuth(endpoints, scopePath);
      const login = () => ({ username: "agent", password: "pass" });
      const dcs = new DcsEtcd({ endpoints, scopePath, clock, login });
      const { id: session } = await dcs.openSession(60_000, LIMITS);
      const guard = { kind: "none" } as const;
      const logins = async (): Promise<number> =>
        (await servers.callCounts()).get("Authenticate") ?? 0;
      const first = await logins();
      await eventually(async () => {
        assert.equal(await dcs.renewSession(session, LIMITS), "alive");
        await guardedPut(dcs, "leader", { value: "n1", guard, session });
        assert.deepEqual(await contents(dcs), { leader: "n1" });
        return await logins() >= first + 3;
      }, () => "the tokens never expire");
      await dcs.close();
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test({
  name: `etcd: TLS with a client certificate, at every node${suffix}`,
  ignore,
  ...LINGERING,
  fn: async () => {
    const directory = await Deno.makeTempDir({ prefix: "matriarch-tls-" });
    try {
      const ca = await certificate(directory, "ca", null);
      const server = await certificate(directory, "server", ca);
      const client = await certificate(directory, "client", ca);
      await using servers = await EtcdServers.start({
        nodes: 3,
        tls: { ...server, clientCa: ca.cert },
      });
      const endpoints = servers.endpoints.slice(0, 1);
      const tls = { cacert: ca.cert, ...client };
      const dcs = new DcsEtcd({ endpoints, scopePath, clock, tls });
      await put(dcs, "config", "{}");
      assert.deepEqual(await contents(dcs, "read"), { config: "{}" });
      const known = new EtcdClient({ endpoints, tls }, clock);
      const reading = readScope(new ScopeKeys(scopePath));
      await known.call(reading, LIMITS);
      await eventually(
        () => known.endpoints.length === 3,
        () => known.endpoints,
      );
      await servers.nodes[0]?.kill();
      const { value } = await known.call(reading, LIMITS);
      assert.equal(value.entries[0]?.value, "{}");
      known.close();
      await dcs.close();
      const other = await certificate(directory, "other", null);
      // The server judges the client when that believes to be connected (TLS 1.3):
      // whether its word or the broken write is seen first is the kernel's matter.
      const cases = [
        [{ cacert: ca.cert }, /BadCertificate|EPIPE|ECONNRESET/],
        [{ cacert: other.cert, ...client }, /unable to verify the first cert/],
      ] as const;
      for (const [tls, text] of cases) {
        const stranger = new DcsEtcd({
          ...{ endpoints: servers.endpoints.slice(1), scopePath, clock, tls },
        });
        const call = stranger.readFresh({ timeoutMs: 3_000 });
        await isRefused(call, text, DcsUnreachableError);
        await stranger.close();
      }
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});
