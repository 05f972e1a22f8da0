/** `init`, `join`, `token`, `certs`, `leave` and `remove-host`: what they say before they do anything. */
import assert from "node:assert/strict";
import {
  FakeHost,
  fakeWorld,
  memoryStore,
} from "../../../tests/helpers/setup_world.ts";
import { DEMO_KEYS, runIn } from "../fake_context_test.ts";

const MANAGED = `
scope: demo
name: db1
certificates: {dir: /etc/matriarch/tls}
postgresql: {data_dir: /data}
etcd3:
  managed: true
  data_dir: /var/lib/etcd
  connect_address: 10.0.0.11:2379
  cacert: /ca.pem
  server_cert: /host.pem
  server_key: /host.pem
`;

const WHOLE = `mj1.${"i".repeat(8)}.${"s".repeat(43)}.${"0".repeat(64)}.` +
  "10.0.0.11:8008";

const MISUSES: readonly (readonly [readonly string[], RegExp])[] = [
  [
    ["init", "--address", "h", "--etcd-hosts", "a:1"],
    /'h' is not an IP address/,
  ],
  [["init", "--etcd-hosts", "a:1"], /Missing option '--address'/],
  [
    ["init", "--address", "10.0.0.1", "--etcd-hosts", "a", "--store", "b"],
    /name two stores/,
  ],
  [
    ["init", "--address", "10.0.0.1", "--store", "etcd9://h"],
    /Unknown dcs scheme: etcd9/,
  ],
  [
    ["init", "--address", "::1", "--etcd-hosts", "a", "--vip", "10.0.0.x"],
    /'10.0.0.x' is not an IP address/,
  ],
  [
    ["init", "--address", "::1", "--etcd-hosts", "a", "--data-dir", "data"],
    /'data' is not an absolute path/,
  ],
  [["join"], /Missing argument 'TOKEN'/],
  [["join", "10.0.0.11", WHOLE.slice(0, -30)], /TOKEN is not whole/],
  [["join", "10.0.0.11", WHOLE], /Missing option '--address'/],
  [["join", "a:b:c d", WHOLE], /is not an address/],
  [
    ["join", WHOLE, "--address", "::1", "--witness", "--pg-bin", "/x"],
    /A witness has no PostgreSQL: leave out '--pg-bin'/,
  ],
  [["token", "revoke"], /Missing argument 'ID'/],
  [["token", "make"], /'make' is not one of/],
  [["certs", "burn"], /'burn' is not one of/],
];

for (const [argv, expected] of MISUSES) {
  Deno.test(`matriarch ${argv.join(" ").slice(0, 70)} is wrong usage`, async () => {
    const world = { keys: DEMO_KEYS, programName: "matriarch" };
    const { err, code } = await runIn(world, argv);
    assert.match(err, expected);
    assert.equal(code, 2);
  });
}

Deno.test("join reads a token that is - from its input", async () => {
  const world = { keys: DEMO_KEYS, programName: "matriarch" };
  const argv = ["join", "10.0.0.11", "-"];
  const whole = await runIn({ ...world, input: [WHOLE] }, argv);
  assert.match(whole.err, /Missing option '--address'/);
  const part = await runIn({ ...world, input: [WHOLE.slice(0, -30)] }, argv);
  assert.match(part.err, /TOKEN is not whole/);
  const none = await runIn(world, ["join", "--renew", "-"]);
  assert.match(none.err, /TOKEN is not whole/);
});

Deno.test("init --adopt shows what it will do, asks, and does as told", async () => {
  const init = ["init", "--adopt", "--address", "10.0.0.11", "--store"];
  const argv = [...init, "consul://10.0.0.1:8500", "--name", "db7"];
  const host = hostWithServer();
  const world = {
    keys: DEMO_KEYS,
    programName: "matriarch",
    setup: fakeWorld(host, memoryStore()),
  };
  for (const input of [["n"], [""], []]) {
    const { out, err, code } = await runIn({ ...world, input }, argv);
    assert.match(out, /^PostgreSQL 15 on \/pg\/data .* becomes db7, the first/);
    assert.match(out, /Take it over\? \[y\/N\]/);
    assert.equal(code, 1, err);
    assert.deepEqual([...host.disk.keys(), ...host.statements], []);
  }
  const shown = await runIn(world, [...argv, "--dry-run"]);
  assert.match(shown.err, /^NOTE: PostgreSQL 15 on \/pg\/data/);
  assert.match(shown.out, /^--- \/etc\/matriarch\/matriarch.yml/m);
  assert.deepEqual([...host.disk.keys()], []);
  const { out, code } = await runIn(world, [...argv, "--yes"]);
  assert.match(out, /^This host is set up: db7, of the cluster main/m);
  assert.doesNotMatch(out, /Take it over/);
  assert.equal(code, 0);
  assert.deepEqual(host.stopped, [7]);
});

/** A host in memory on which PostgreSQL runs. */
function hostWithServer(): FakeHost {
  const host = new FakeHost();
  host.servers_ = [{
    ...{ pid: 7, user: "postgres", port: 5432, unit: null, isFolderOwn: true },
    ...{ dataDir: "/pg/data", binDir: "/pg/bin", socketDir: "/pg/run" },
  }];
  host.serverFacts = JSON.stringify({
    ...{ version: 150_018, isSuperuser: true, isStandby: false },
    ...{ settings: [], roles: [], hba: "local all all peer\n", ident: "" },
    ...{ hbaErrors: 0, slots: [], receivers: 0, tablespaces: [] },
  });
  return host;
}

Deno.test("patronictl knows none of them", async () => {
  for (const name of ["init", "join", "token", "certs", "doctor", "leave"]) {
    const { err, code } = await runIn({ keys: DEMO_KEYS }, [name]);
    assert.match(err, /No such command/);
    assert.equal(code, 2);
  }
});

Deno.test("a managed etcd is restarted before another authority signs", async () => {
  const world = {
    keys: DEMO_KEYS,
    programName: "matriarch",
    files: { "/c": MANAGED },
  };
  const rotate = ["-c", "/c", "certs", "rotate", "--finish"];
  const early = await runIn(world, rotate);
  assert.match(early.err, /etcd reads whom it trusts at its start/);
  assert.equal(early.code, 1);
  const late = await runIn(world, [...rotate, "--etcd-restarted"]);
  assert.match(late.err, /no host is set up here/);
});

const WITNESS = MANAGED.replace("name: db1", "name: w")
  .replace(/postgresql: .*\n/, "");

const RECORD = {
  ...{ holder: "db1", hash: "h", trusted: ["c"], next: null, removed: [] },
  taken: { w: { trust: "t", issuer: "h", untilMs: 1, witness: ["w"] } },
};

Deno.test("a witness is told as one, and does not sign", async () => {
  const world = {
    keys: { ...DEMO_KEYS, authority: JSON.stringify(RECORD) },
    programName: "matriarch",
    files: { "/c": WITNESS },
  };
  const listed = await runIn(world, ["-c", "/c", "list"]);
  assert.match(listed.out, /^ Witness: w$/m);
  const json = await runIn(world, ["-c", "/c", "list", "-f", "json"]);
  assert.doesNotMatch(json.out, /Witness/);
  const rotated = await runIn(world, ["-c", "/c", "certs", "rotate"]);
  assert.match(rotated.err, /w is a witness and cannot sign for others/);
  assert.equal(rotated.code, 1);
});

Deno.test("certificates of a cluster that init did not make are said to be missing", async () => {
  const world = { keys: DEMO_KEYS, programName: "matriarch" };
  const { err } = await runIn(world, ["token", "create"]);
  assert.match(err, /was not made by matriarch init/);
  const none = await runIn(world, ["remove-host", "nobody"]);
  assert.match(none.err, /There is no member nobody/);
  const revoked = await runIn(world, ["token", "revoke", "x"]);
  assert.match(revoked.err, /There is no token x/);
});

Deno.test("a member is taken out only after a yes", async () => {
  const answered = async (answer: string) => {
    const { code, out, err, keys } = await runIn({
      ...{ keys: DEMO_KEYS, programName: "matriarch", input: [answer] },
    }, ["remove-host", "n3"]);
    return { code, text: out + err, isThere: "members/n3" in keys };
  };
  const refused = await answered("n");
  assert.equal(refused.code, 1);
  assert.match(refused.text, /Take n3 out of the cluster for good\? \[y\/N\]/);
  assert.match(refused.text, /Nothing was changed/);
  assert.ok(refused.isThere);
  const agreed = await answered("y");
  assert.equal(agreed.code, 0, agreed.text);
  assert.ok(!agreed.isThere);
});
