/** `join` on a host in memory, against the desk of a member in memory. */
import assert from "node:assert/strict";
import { BLUEPRINT, DeskBench } from "../../tests/helpers/host_desk.ts";
import {
  FakeHost,
  fakeWorld,
  GOOD_FACTS,
  PowerLoss,
} from "../../tests/helpers/setup_world.ts";
import { memoryReader } from "../config/fixtures/memory_reader.ts";
import { loadConfig } from "../config/load.ts";
import type { SetupWorld } from "./setup_world.ts";
import { joinHost } from "./join.ts";
import type { JoinWish } from "./join_wish.ts";
import { USUAL_PLACES } from "./layout.ts";
import { renewHost } from "./renew_host.ts";
import { updateAuthority } from "./store_keys.ts";
import type { Token } from "./token.ts";

const DAY_MS = 86_400_000;
const CONFIG = "/etc/matriarch/matriarch.yml";
const CERT = "/etc/matriarch/tls/host.pem";

function wishOf(token: Token): JoinWish {
  return {
    peer: { host: "10.0.0.11", port: 8008 },
    token,
    name: null,
    address: "10.0.0.12",
    user: "postgres",
    pgBin: null,
    places: USUAL_PLACES,
    isDryRun: false,
    isStarted: true,
    ...{ isWitness: false, mayMakeUser: false },
  };
}

function newHost(): FakeHost {
  const host = new FakeHost("db2");
  host.facts_ = {
    ...GOOD_FACTS,
    hostName: "db2",
    addresses: [{ address: "10.0.0.12", interface: "ens3" }],
    postgres: [15, 17].map((major) => ({
      ...{ folder: `/pg/${major}`, major, missing: [] },
    })),
  };
  return host;
}

function worldOf(host: FakeHost, bench: DeskBench): SetupWorld {
  return {
    ...fakeWorld(host, bench.store),
    askDesk: (call) => bench.ask(call),
  };
}

Deno.test("join writes a configuration like the first member's, with its own certificate", async () => {
  const bench = await DeskBench.open();
  const host = newHost();
  const token = await bench.token();
  const outcome = await joinHost(wishOf(token), worldOf(host, bench));
  assert.equal(outcome.kind, "done", JSON.stringify(outcome));
  assert.deepEqual(host.started, ["matriarch.service"]);
  const text = host.disk.get(CONFIG)?.text ?? "";
  const { config, warnings } = await loadConfig({
    path: CONFIG,
    env: {},
    reader: memoryReader({ [CONFIG]: text }),
  });
  assert.deepEqual(warnings, []);
  assert.equal(config.name, "db2");
  // The cluster's version, not the newest; and it may not create a cluster.
  assert.match(text, /bin_dir: \/pg\/15/);
  assert.equal(config.bootstrap, null);
  assert.equal(config.vip[0]?.interface, "ens3");
  assert.equal(
    config.restapi.authentication?.password,
    BLUEPRINT.rest.password,
  );
  const cert = host.disk.get(CERT)?.text ?? "";
  const facts = await bench.certificates.read(cert);
  assert.equal(facts?.name, "db2");
  assert.ok(facts.hosts.includes("10.0.0.12"));
  assert.ok(
    await bench.certificates.isSignedBy(cert, bench.authority?.cert ?? ""),
  );
  // The authority's key went nowhere.
  const all = [...host.disk.values()].map((file) => file.text).join("");
  assert.ok(!all.includes(bench.authority?.key ?? "-"));
});

Deno.test("wherever the plug is pulled, the same token finishes the join", async () => {
  let pulled = 0;
  for (let changes = 0;; changes++) {
    const bench = await DeskBench.open();
    const host = newHost();
    const wish = wishOf(await bench.token());
    const world = worldOf(host, bench);
    host.changesLeft = changes;
    const first = await joinHost(wish, world).catch((error: Error) => {
      assert.ok(error instanceof PowerLoss || error.cause instanceof PowerLoss);
      return null;
    });
    host.changesLeft = Infinity;
    if (first !== null) break;
    pulled += 1;
    const again = await joinHost(wish, world);
    assert.equal(again.kind, "done", `${changes}: ${JSON.stringify(again)}`);
    assert.ok(!host.disk.has("/etc/matriarch/setup.draft"));
    const key = host.disk.get(CERT)?.text ?? "";
    assert.match(key, /BEGIN CERTIFICATE[^]*BEGIN PRIVATE KEY/);
  }
  // Two drafts, two folders, four files, and the end of the draft.
  assert.equal(pulled, 9);
});

Deno.test("what the desk refuses leaves the host as it was", async () => {
  const cases: readonly (readonly [
    (bench: DeskBench, host: FakeHost) => Promise<Token>,
    RegExp,
  ])[] = [
    [
      async (bench) => ({ ...await bench.token(), secret: "x".repeat(43) }),
      /the token is wrong/,
    ],
    [
      async (bench) => ({ ...await bench.token(), id: "aaaaaaaa" }),
      /the token is not known/,
    ],
    [(bench) => bench.token("renew"), /the token is wrong/],
    [
      async (bench, host) => {
        const token = await bench.token();
        bench.host.nowMs += 2 * DAY_MS;
        host.nowMs += 2 * DAY_MS;
        return token;
      },
      /the token has expired/,
    ],
    [
      async (bench, host) => {
        host.nowMs += DAY_MS;
        return await bench.token();
      },
      /the clock of db2 is 86400 s ahead of that of db1/,
    ],
    [
      async (bench) => {
        bench.blueprint = { ...BLUEPRINT, postgresMajor: 16 };
        return await bench.token();
      },
      /the host has PostgreSQL 17, 15, the cluster PostgreSQL 16/,
    ],
    [
      async (bench) => {
        const token = await bench.token();
        bench.authority = null;
        return token;
      },
      /db1 has no key of the authority/,
    ],
    [
      async (bench) => {
        await bench.dcs.write({
          when: [],
          edits: [{
            ...{ kind: "put", key: "members/db2", value: "{}", session: null },
          }],
        }, { timeoutMs: 1000 });
        return await bench.token();
      },
      /the cluster has a member db2/,
    ],
  ];
  for (const [prepare, expected] of cases) {
    const bench = await DeskBench.open();
    const host = newHost();
    const token = await prepare(bench, host);
    const outcome = await joinHost(wishOf(token), worldOf(host, bench));
    assert.match(JSON.stringify(outcome), expected);
    assert.deepEqual([...host.disk.keys()], [], String(expected));
    assert.match(
      bench.log.lines.join("\n"),
      /WARNING Refused db2 at 10.0.0.12/,
    );
  }
});

Deno.test("a token that one host has used is nothing to another", async () => {
  const bench = await DeskBench.open();
  const token = await bench.token();
  const [one, other] = [newHost(), newHost()];
  await joinHost(wishOf(token), worldOf(one, bench));
  const wish = { ...wishOf(token), name: "db3" };
  const outcome = await joinHost(wish, worldOf(other, bench));
  assert.match(JSON.stringify(outcome), /the token was used before/);
});

Deno.test("of two hosts with one token at one moment, one joins", async () => {
  const bench = await DeskBench.open();
  const token = await bench.token();
  const outcomes = await Promise.all(
    ["db2", "db3"].map((name) =>
      joinHost({ ...wishOf(token), name }, worldOf(newHost(), bench))
    ),
  );
  const kinds = outcomes.map(({ kind }) => kind).toSorted();
  assert.deepEqual(kinds, ["done", "refused"]);
});

Deno.test("after ten wrong tokens a good one waits as well", async () => {
  const bench = await DeskBench.open();
  const token = await bench.token();
  const wrong = wishOf({ ...token, secret: "x".repeat(43) });
  for (let count = 0; count < 10; count++) {
    await joinHost(wrong, worldOf(newHost(), bench));
  }
  const early = await joinHost(wishOf(token), worldOf(newHost(), bench));
  assert.match(JSON.stringify(early), /too many wrong tokens/);
  bench.host.nowMs += 60_000;
  const host = newHost();
  host.nowMs += 60_000;
  const late = await joinHost(wishOf(token), worldOf(host, bench));
  assert.equal(late.kind, "done", JSON.stringify(late));
});

Deno.test("who is refused without end is not heard any more, with whatever reason", async () => {
  const bench = await DeskBench.open();
  const token = await bench.token();
  const wish = wishOf({ ...token, secret: "x".repeat(43) });
  for (let count = 0; count < 10; count++) {
    const host = newHost();
    host.nowMs += DAY_MS;
    await joinHost(wish, worldOf(host, bench));
  }
  const last = await joinHost(wish, worldOf(newHost(), bench));
  assert.match(JSON.stringify(last), /too many wrong tokens/);
  assert.equal(bench.log.lines.length, 10);
});

Deno.test("who has not the authority's key says who has it, and whether it is up", async () => {
  const cases = [
    [[], /is on db9, which is down: start it.*certs rotate on db1/],
    [["db9"], /is on db9: ask that member/],
  ] as const;
  for (const [up, expected] of cases) {
    const bench = await DeskBench.open();
    const token = await bench.token();
    await updateAuthority(bench.dcs, (record) => ({
      value: record === null ? null : { ...record, holder: "db9" },
      answer: null,
    }));
    await bench.dcs.write({
      when: [],
      edits: up.map((name) => ({
        ...{ kind: "put", key: `members/${name}`, value: "{}", session: null },
      })),
    }, { timeoutMs: 1000 });
    const outcome = await joinHost(wishOf(token), worldOf(newHost(), bench));
    assert.match(JSON.stringify(outcome), expected);
  }
});

Deno.test("a member that is down keeps its name", async () => {
  const bench = await DeskBench.open();
  await updateAuthority(bench.dcs, (record) => ({
    value: record === null ? null : {
      ...record,
      taken: {
        db2: { trust: "t", issuer: record.hash, untilMs: 1, witness: null },
      },
    },
    answer: null,
  }));
  const wish = wishOf(await bench.token());
  const outcome = await joinHost(wish, worldOf(newHost(), bench));
  assert.match(JSON.stringify(outcome), /the cluster has a member db2/);
  // The token is as good as before.
  const other = await joinHost(
    { ...wish, name: "db3" },
    worldOf(newHost(), bench),
  );
  assert.equal(other.kind, "done", JSON.stringify(other));
});

Deno.test("nobody gets a certificate for another member's address or name", async () => {
  const bench = await DeskBench.open();
  const value = JSON.stringify({
    conn_url: "postgres://[2001:db8::1]:5432/postgres",
    api_url: "https://DB1.example:8008/patroni",
  });
  await bench.dcs.write({
    when: [],
    edits: [{ kind: "put", key: "members/db1", value, session: null }],
  }, { timeoutMs: 1_000 });
  const { request } = await bench.certificates.makeRequest({
    ...{ name: "db2", hosts: [] },
  });
  for (const use of ["join", "renew"] as const) {
    const { id, secret } = await bench.token(use);
    const ask = async (host: string): Promise<string> => {
      const answer = await bench.desk.admit({
        ...{ token: { id, secret }, use, name: "db2", request },
        ...{ hosts: ["localhost", host], nowMs: bench.host.nowMs },
        postgresMajors: [15],
      }, host);
      return answer.kind === "granted" ? "granted" : answer.text;
    };
    assert.match(await ask("db1"), /db1 is the member db1's/);
    assert.match(await ask("db1.EXAMPLE"), /is the member db1's/);
    assert.match(await ask("2001:DB8:0::1"), /is the member db1's/);
    assert.equal(await ask("10.0.0.12"), "granted");
  }
});

Deno.test("a first host without data is waited for, a dead one not long", async () => {
  const bench = await DeskBench.open();
  bench.blueprint = null;
  const host = newHost();
  const wish = wishOf(await bench.token());
  const asked = worldOf(host, bench);
  let count = 0;
  const outcome = await joinHost(wish, {
    ...asked,
    askDesk: (call) => {
      count += 1;
      if (count === 5) bench.blueprint = BLUEPRINT;
      bench.host.nowMs = host.nowMs;
      return bench.ask(call);
    },
  });
  assert.equal(outcome.kind, "done");
  const dead = await joinHost(wish, {
    ...worldOf(newHost(), bench),
    askDesk: () => Promise.resolve({ kind: "unreachable", why: "refused" }),
  });
  assert.match(JSON.stringify(dead), /does not answer: refused/);
});

Deno.test("a member whose certificate has expired gets another by a token of its own", async () => {
  const bench = await DeskBench.open();
  const host = newHost();
  const world = worldOf(host, bench);
  await joinHost(wishOf(await bench.token()), world);
  const before = host.disk.get(CERT)?.text ?? "";
  host.nowMs += 400 * DAY_MS;
  bench.host.nowMs = host.nowMs;
  const token = await bench.token("renew");
  const wish = {
    ...{ peer: token.address, token, configDir: "/etc/matriarch" },
    ...{ user: "postgres", isStarted: false },
  };
  const outcome = await renewHost(wish, world);
  assert.deepEqual(outcome, { kind: "renewed", name: "db2" });
  const cert = host.disk.get(CERT)?.text ?? "";
  assert.notEqual(cert, before);
  const facts = await bench.certificates.read(cert);
  assert.ok((facts?.notAfterMs ?? 0) > host.nowMs);
  // A token for joining would have given all passwords; this one gives none.
  const again = await renewHost(wish, worldOf(newHost(), bench));
  assert.match(JSON.stringify(again), /this host is no member/);
});

Deno.test("a host that joins takes part in the hosts' own store", async () => {
  const bench = await DeskBench.open();
  const section = {
    ...{ managed: true, hosts: ["10.0.0.11:2379"] },
    quota: 64,
  };
  bench.blueprint = { ...BLUEPRINT, store: { name: "etcd3", section } };
  const host = newHost();
  const wish = wishOf(await bench.token());
  const world = worldOf(host, bench);
  const good = host.facts_;
  host.facts_ = { ...good, taken: [{ port: 2379, program: null }] };
  const refused = await joinHost(wish, world);
  assert.match(JSON.stringify(refused), /Port 2379 is taken/);
  assert.deepEqual([...host.disk.keys()], ["/etc/matriarch/setup.draft"]);
  // The token was spent, and counts again for the same key.
  host.facts_ = good;
  assert.equal((await joinHost(wish, world)).kind, "done");
  const order = host.disk.get("/var/lib/matriarch/etcd/order.json")?.text ?? "";
  const through = ["https://10.0.0.11:2379"];
  assert.deepEqual(JSON.parse(order), { kind: "join", through });
  const { config } = await loadConfig({
    path: CONFIG,
    env: {},
    reader: memoryReader({ [CONFIG]: host.disk.get(CONFIG)?.text ?? "" }),
  });
  assert.ok(config.dcs.kind === "etcd3");
  assert.equal(config.dcs.managed?.quotaBytes, 64 * 2 ** 20);
  assert.deepEqual(config.dcs.endpoints, [
    "https://10.0.0.12:2379",
    "https://10.0.0.11:2379",
  ]);
});
