/** `init` on a host in memory: what it writes, and what a pulled plug leaves. */
import assert from "node:assert/strict";
import { decodeAuthority } from "./authority_record.ts";
import { loadConfig } from "../config/load.ts";
import { memoryReader } from "../config/fixtures/memory_reader.ts";
import {
  FakeHost,
  fakeWorld,
  GOOD_FACTS,
  memoryScope,
  memoryStore,
  NOW_MS,
  PowerLoss,
} from "../../tests/helpers/setup_world.ts";
import { initHost } from "./init.ts";
import type { InitWish } from "./init_wish.ts";
import { USUAL_PLACES } from "./layout.ts";
import { DcsUnreachableError } from "../ports/errors.ts";
import { blueprintOf } from "./blueprint_of.ts";
import { OWN_STORE, storeOrder } from "./own_store.ts";
import type { InitOutcome } from "./outcome.ts";
import { parseToken } from "./token.ts";
import { readScopeKeys } from "./store_keys.ts";

const WISH: InitWish = {
  scope: "main",
  namespace: null,
  name: null,
  address: "10.0.0.11",
  vip: "10.0.0.10/24",
  user: "postgres",
  pgBin: null,
  places: USUAL_PLACES,
  store: { name: "etcd3", section: { hosts: ["10.0.0.1:2379"] } },
  adopt: null,
  isDryRun: false,
  isStarted: true,
};

const FILES = [
  ["/etc/matriarch/matriarch.yml", 0o600],
  ["/etc/matriarch/tls/authority.key", 0o600],
  ["/etc/matriarch/tls/authority.pem", 0o644],
  ["/etc/matriarch/tls/ca.pem", 0o644],
  ["/etc/matriarch/tls/host.pem", 0o600],
  ["/etc/systemd/system/matriarch.service", 0o644],
] as const;

function done(outcome: InitOutcome): InitOutcome & { kind: "done" } {
  assert.equal(outcome.kind, "done", JSON.stringify(outcome));
  return outcome;
}

Deno.test("init writes a configuration that the agent takes without a word", async () => {
  const host = new FakeHost();
  const store = memoryStore();
  const outcome = done(await initHost(WISH, fakeWorld(host, store)));
  assert.deepEqual(
    [...host.disk.values()].map(({ path, mode }) => [path, mode]).sort(),
    FILES,
  );
  assert.deepEqual(host.started, ["matriarch.service"]);
  assert.deepEqual(host.folders, ["/etc/matriarch/tls", "/var/lib/matriarch"]);
  const path = "/etc/matriarch/matriarch.yml";
  const text = host.disk.get(path)?.text ?? "";
  const { config, warnings } = await loadConfig({
    path,
    env: {},
    reader: memoryReader({ [path]: text }),
  });
  assert.deepEqual(warnings, []);
  assert.equal(config.name, "db1");
  assert.equal(config.scope, "main");
  assert.equal(config.restapi.verifyClient, "optional");
  assert.equal(config.vip[0]?.interface, "eth0");
  assert.equal(config.bootstrap?.dcs?.["synchronous_mode"], "quorum");
  assert.equal(config.bootstrap.dcs["takeover"], true);

  const keys = await readScopeKeys(memoryScope(store));
  const token = parseToken(outcome.tokens[0] ?? "");
  assert.equal(outcome.tokens.length, 2);
  assert.equal(keys.authority?.holder, "db1");
  assert.equal(token?.authorityHash, keys.authority.hash);
  assert.deepEqual(token.address, { host: "10.0.0.11", port: 8008 });
  const [kept] = keys.book;
  assert.equal(kept?.hash, host.hash(token.secret));
  assert.equal(kept.expiresAtMs, NOW_MS + 86_400_000);
  assert.doesNotMatch(JSON.stringify(keys.book), new RegExp(token.secret));
});

Deno.test("wherever the plug is pulled, a repeat finishes what was begun", async () => {
  let pulled = 0;
  for (let changes = 0;; changes++) {
    const host = new FakeHost();
    const store = memoryStore();
    const world = fakeWorld(host, store);
    host.changesLeft = changes;
    const first = await initHost(WISH, world).catch((error: Error) => {
      // What cannot be written is told with its name; the plug is its cause.
      assert.ok(error instanceof PowerLoss || error.cause instanceof PowerLoss);
      return null;
    });
    host.changesLeft = Infinity;
    const draft = host.disk.get("/etc/matriarch/setup.draft")?.text ?? null;
    const again = done(await initHost(WISH, world));
    assert.deepEqual([...host.disk.keys()].sort(), FILES.map(([path]) => path));
    const { authority } = await readScopeKeys(memoryScope(store));
    const trusted = host.disk.get("/etc/matriarch/tls/ca.pem")?.text;
    assert.equal(authority?.trusted[0], trusted, `after ${changes} changes`);
    // Passwords that were decided stay those.
    const config = host.disk.get("/etc/matriarch/matriarch.yml")?.text ?? "";
    if (draft !== null) assert.ok(draft.includes(JSON.stringify(config)));
    if (first === null) pulled += 1;
    else {
      assert.ok(again.isRepeated);
      break;
    }
  }
  // The draft, two folders, six files, and the end of the draft.
  assert.equal(pulled, 10);
});

Deno.test("of two first hosts of one cluster the store takes one", async () => {
  const store = memoryStore();
  const [one, other] = [new FakeHost("a"), new FakeHost("b")];
  other.facts_ = { ...GOOD_FACTS, hostName: "db9" };
  const outcomes = await Promise.all(
    [one, other].map((host) => initHost(WISH, fakeWorld(host, store))),
  );
  const lost = outcomes.filter(({ kind }) => kind === "refused");
  assert.equal(lost.length, 1);
  assert.match(JSON.stringify(lost), /is just making a cluster main/);
  const loser = outcomes[0]?.kind === "refused" ? one : other;
  assert.deepEqual([...loser.disk.keys()], []);
});

Deno.test("a cluster that is in the store is not made anew", async () => {
  const store = memoryStore();
  const dcs = memoryScope(store);
  await dcs.write({
    when: [],
    edits: [{ kind: "put", key: "initialize", value: "7", session: null }],
  }, { timeoutMs: 1000 });
  const host = new FakeHost();
  const outcome = await initHost(WISH, fakeWorld(host, store));
  assert.match(JSON.stringify(outcome), /has a cluster main already/);
  assert.deepEqual([...host.disk.keys()], []);
  assert.equal(decodeAuthority(null), null);
});

Deno.test("a dry run shows the files and changes nothing", async () => {
  const host = new FakeHost();
  const store = memoryStore();
  const wish = { ...WISH, isDryRun: true };
  const outcome = await initHost(wish, fakeWorld(host, store));
  assert.equal(outcome.kind, "planned");
  assert.deepEqual([...host.disk.keys()], []);
  const { entries } = await memoryScope(store).read({ timeoutMs: 1000 });
  assert.deepEqual(entries, []);
});

Deno.test("init of a host of another cluster is refused", async () => {
  const host = new FakeHost();
  const store = memoryStore();
  await initHost(WISH, fakeWorld(host, store));
  const before = new Map(host.disk);
  const wish = { ...WISH, scope: "other" };
  const outcome = await initHost(wish, fakeWorld(host, store));
  assert.match(JSON.stringify(outcome), /this host belongs to a cluster/);
  assert.deepEqual(host.disk, before);
});

const OWN: InitWish = { ...WISH, store: OWN_STORE };
const ORDER = "/var/lib/matriarch/etcd/order.json";

Deno.test("without a store init founds one, with the cluster's certificates", async () => {
  const host = new FakeHost();
  const store = memoryStore();
  const outcome = done(await initHost(OWN, fakeWorld(host, store)));
  assert.equal(outcome.tokens.length, 2);
  assert.deepEqual(host.folders.at(-1), "/var/lib/matriarch/etcd");
  const urls = {
    peerUrl: "https://10.0.0.11:2380",
    clientUrl: "https://10.0.0.11:2379",
  };
  assert.deepEqual(JSON.parse(host.disk.get(ORDER)?.text ?? ""), {
    kind: "found",
    members: [{ name: "db1", ...urls }],
  });
  const path = "/etc/matriarch/matriarch.yml";
  const text = host.disk.get(path)?.text ?? "";
  const { config, warnings } = await loadConfig({
    path,
    env: {},
    reader: memoryReader({ [path]: text }),
  });
  assert.deepEqual(warnings, []);
  const dcs = config.dcs.kind === "etcd3" ? config.dcs : null;
  const managed = dcs?.managed ?? null;
  const { name, peerUrl, clientUrl } = managed ?? {};
  assert.deepEqual({ name, peerUrl, clientUrl }, { name: "db1", ...urls });
  const cert = "/etc/matriarch/tls/host.pem";
  const tls = { cert, key: cert, ca: "/etc/matriarch/tls/ca.pem" };
  assert.deepEqual([managed?.serverTls, managed?.peerTls], [tls, tls]);
  assert.deepEqual([dcs?.cert, dcs?.key, dcs?.cacert], [cert, cert, tls.ca]);
  // What the next host is told, and makes of it.
  const { store: common } = blueprintOf(config, 15);
  assert.deepEqual(common, {
    name: "etcd3",
    section: { managed: true, hosts: ["10.0.0.11:2379"] },
  });
  const next = { name: "db2", address: "10.0.0.12", places: USUAL_PLACES };
  assert.deepEqual(storeOrder(common, next), {
    kind: "join",
    through: ["https://10.0.0.11:2379"],
  });
  const again = done(await initHost(OWN, fakeWorld(host, store)));
  assert.ok(again.isRepeated);
  assert.equal(again.tokens.length, 2);
});

Deno.test("wherever the plug is pulled, a repeat finishes the store's order, too", async () => {
  let pulled = 0;
  for (let changes = 0;; changes++) {
    const host = new FakeHost();
    const world = fakeWorld(host, memoryStore());
    host.changesLeft = changes;
    const first = await initHost(OWN, world).catch(() => null);
    host.changesLeft = Infinity;
    if (first !== null) break;
    pulled += 1;
    done(await initHost(OWN, world));
    assert.match(host.disk.get(ORDER)?.text ?? "", /"kind":"found"/);
  }
  // One folder and one file more than without.
  assert.equal(pulled, 12);
});

Deno.test("a store that does not run yet gives no tokens, and says how to get them", async () => {
  for (const isStarted of [true, false]) {
    const host = new FakeHost();
    const world = {
      ...fakeWorld(host, memoryStore()),
      openStore: () => Promise.reject(new DcsUnreachableError("refused")),
    };
    const { tokens, notes } = done(
      await initHost({ ...OWN, isStarted }, world),
    );
    assert.deepEqual(tokens, []);
    assert.match(notes.join(), /matriarch.yml token create gives the command/);
  }
});

Deno.test("what is in the way of the store is told before anything is written", async () => {
  const host = new FakeHost();
  host.facts_ = {
    ...GOOD_FACTS,
    storeDirectory: "other",
    taken: [{ port: 2380, program: "etcd (process 7)" }],
  };
  const world = {
    ...fakeWorld(host, memoryStore()),
    hasEtcd: () => Promise.resolve(false),
  };
  const outcome = await initHost(OWN, world);
  const problems = outcome.kind === "refused" ? outcome.problems : [];
  assert.equal(problems.length, 3);
  assert.match(problems.join(), /built without etcd and none is installed/);
  assert.match(problems.join(), /Port 2380 is taken by etcd \(process 7\)/);
  assert.match(problems.join(), /matriarch\/etcd, where .* is not empty/);
  assert.deepEqual([...host.disk.keys()], []);
  // Of no account to who has a store.
  done(await initHost(WISH, world));
  const other = await initHost(OWN, world);
  assert.match(JSON.stringify(other), /is there and is not of this call/);
});
