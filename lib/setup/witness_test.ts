/** `join --witness` on a host in memory, against the desk of a member in memory. */
import assert from "node:assert/strict";
import { BLUEPRINT, DeskBench } from "../../tests/helpers/host_desk.ts";
import {
  FakeHost,
  fakeWorld,
  GOOD_FACTS,
  PowerLoss,
} from "../../tests/helpers/setup_world.ts";
import { decodeProxyHost } from "../config/proxy_host.ts";
import { parseYaml11 } from "../patroni/yaml_1_1.ts";
import { isConfigMap } from "../core/calc/documents/config_merge.ts";
import { joinHost } from "./join.ts";
import type { JoinWish } from "./join_wish.ts";
import { USUAL_PLACES } from "./layout.ts";
import { shownFiles } from "./plan.ts";
import type { SetupWorld } from "./setup_world.ts";
import { updateAuthority } from "./store_keys.ts";
import type { Token } from "./token.ts";

const CONFIG = "/etc/matriarch/matriarch.yml";
const CERT = "/etc/matriarch/tls/host.pem";
const UNIT = "/etc/systemd/system/matriarch.service";
const ORDER = "/var/lib/matriarch/etcd/order.json";

const OWN_STORE = {
  name: "etcd3",
  section: { managed: true, hosts: ["10.0.0.11:2379"] },
};

function wishOf(token: Token): JoinWish {
  return {
    peer: { host: "10.0.0.11", port: 8008 },
    token,
    name: null,
    address: "10.0.0.13",
    user: "matriarch",
    pgBin: null,
    places: USUAL_PLACES,
    ...{ isDryRun: false, isStarted: true },
    ...{ isWitness: true, mayMakeUser: true },
  };
}

/** Without PostgreSQL, and without its user. */
function newHost(): FakeHost {
  const host = new FakeHost("w");
  host.facts_ = {
    ...GOOD_FACTS,
    hostName: "w",
    addresses: [{ address: "10.0.0.13", interface: "ens3" }],
    ...{ postgres: [], user: null, hasWatchdog: false },
  };
  return host;
}

async function openBench(): Promise<DeskBench> {
  const bench = await DeskBench.open();
  bench.blueprint = { ...BLUEPRINT, store: OWN_STORE };
  return bench;
}

function worldOf(host: FakeHost, bench: DeskBench): SetupWorld {
  return {
    ...fakeWorld(host, bench.store),
    askDesk: (call) => bench.ask(call),
  };
}

function textOf(host: FakeHost, path: string): string {
  return host.disk.get(path)?.text ?? "";
}

Deno.test("a witness gets a vote, a proxy and a certificate, and no password of PostgreSQL", async () => {
  const bench = await openBench();
  const host = newHost();
  const wish = wishOf(await bench.token());
  const outcome = await joinHost(wish, worldOf(host, bench));
  assert.ok(outcome.kind === "done", JSON.stringify(outcome));
  assert.deepEqual(outcome.notes, []);
  assert.deepEqual(host.users, ["matriarch"]);
  assert.deepEqual(host.started, ["matriarch.service"]);
  const document = parseYaml11(textOf(host, CONFIG));
  assert.ok(isConfigMap(document));
  const config = decodeProxyHost(document);
  assert.deepEqual([config.name, config.scope], ["w", "main"]);
  assert.deepEqual(config.keeping, {
    dir: "/etc/matriarch/tls",
    credentials: BLUEPRINT.rest,
  });
  assert.ok(config.dcs?.kind === "etcd3");
  assert.equal(config.dcs.managed?.name, "w");
  assert.deepEqual(config.dcs.endpoints, [
    "https://10.0.0.13:2379",
    "https://10.0.0.11:2379",
  ]);
  const through = ["https://10.0.0.11:2379"];
  assert.deepEqual(JSON.parse(textOf(host, ORDER)), { kind: "join", through });
  assert.match(
    textOf(host, UNIT),
    /ExecStart=\/usr\/local\/bin\/matriarch proxy \/etc\/matriarch\/matriarch.yml/,
  );
  assert.match(textOf(host, UNIT), /User=matriarch\n/);
  assert.deepEqual(host.disk.get(CERT)?.owner, { uid: 990, gid: 990 });
  const all = JSON.stringify([...host.disk.values()]);
  for (const { username } of [BLUEPRINT.superuser, BLUEPRINT.replication]) {
    assert.ok(!all.includes(username), username);
  }
});

Deno.test("wherever the plug is pulled, the same token finishes the witness", async () => {
  let pulled = 0;
  for (let changes = 0;; changes++) {
    const bench = await openBench();
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
    for (const path of [CERT, ORDER, CONFIG, UNIT]) {
      assert.ok(host.disk.has(path), `${changes}: ${path}`);
    }
  }
  // Two drafts, the user, three folders, five files, and the end of the draft.
  assert.equal(pulled, 12);
});

Deno.test("what was begun as a witness is not finished as a member", async () => {
  const bench = await openBench();
  const host = newHost();
  const wish = wishOf(await bench.token());
  const world = worldOf(host, bench);
  host.changesLeft = 6;
  await assert.rejects(joinHost(wish, world));
  host.changesLeft = Infinity;
  const other = await joinHost({ ...wish, isWitness: false }, world);
  assert.match(
    JSON.stringify(other),
    /A join of this host as a witness has begun .* again with --witness/,
  );
});

Deno.test("a store that is not the hosts' own has nothing to witness, and the token stays good", async () => {
  const bench = await DeskBench.open();
  const host = newHost();
  const wish = wishOf(await bench.token());
  const outcome = await joinHost(wish, worldOf(host, bench));
  assert.match(JSON.stringify(outcome), /store is not run by its hosts/);
  assert.deepEqual([...host.disk.keys()], []);
  assert.deepEqual(host.users, []);
  bench.blueprint = { ...BLUEPRINT, store: OWN_STORE };
  const again = await joinHost(wish, worldOf(host, bench));
  assert.equal(again.kind, "done");
});

Deno.test("what is in the way of a witness is told before its token is used", async () => {
  const bench = await openBench();
  const host = newHost();
  host.facts_ = {
    ...host.facts_,
    isRoot: false,
    storeDirectory: "other",
    taken: [{ port: 2380, program: "etcd (process 7)" }],
  };
  const wish = wishOf(await bench.token());
  const outcome = await joinHost(wish, worldOf(host, bench));
  assert.ok(outcome.kind === "refused");
  assert.match(outcome.problems.join("\n"), /There is no user matriarch: make/);
  assert.match(outcome.problems.join("\n"), /Port 2380 is taken by etcd/);
  assert.match(outcome.problems.join("\n"), /etcd is not empty|is not empty/);
});

Deno.test("--dry-run shows the files of a witness, and uses and makes nothing", async () => {
  const bench = await openBench();
  const host = newHost();
  const wish = { ...wishOf(await bench.token()), isDryRun: true };
  const outcome = await joinHost(wish, worldOf(host, bench));
  assert.ok(outcome.kind === "planned");
  const paths = outcome.files.map(({ path }) => path);
  for (const path of [CERT, ORDER, CONFIG, UNIT]) {
    assert.ok(paths.includes(path), path);
  }
  const shown = shownFiles(outcome.files);
  assert.match(shown, /scope: FROM-THE-FIRST-HOST/);
  assert.match(shown, /ExecStart=.* proxy /);
  assert.deepEqual([host.users, [...host.disk.keys()]], [[], []]);
  const real = await joinHost({ ...wish, isDryRun: false }, {
    ...worldOf(host, bench),
  });
  assert.equal(real.kind, "done");
});

Deno.test("nobody gets a certificate for the address of a witness", async () => {
  const bench = await openBench();
  await updateAuthority(bench.dcs, (record) => ({
    value: record === null ? null : {
      ...record,
      taken: {
        w: {
          ...{ trust: "t", issuer: record.hash, untilMs: 1 },
          witness: ["10.0.0.13", "w", "localhost"],
        },
      },
    },
    answer: null,
  }));
  const wish = { ...wishOf(await bench.token()), name: "w2" };
  const taken = await joinHost(wish, worldOf(newHost(), bench));
  assert.match(JSON.stringify(taken), /10.0.0.13 is the member w's/);
  const named = await joinHost(
    { ...wish, name: "w" },
    worldOf(newHost(), bench),
  );
  assert.match(JSON.stringify(named), /the cluster has a member w:/);
});

Deno.test("a host that was taken out does not come back by the token that it once used", async () => {
  const bench = await openBench();
  const wish = wishOf(await bench.token());
  const host = newHost();
  host.changesLeft = 2;
  // Its draft has the key that the token was spent for.
  await assert.rejects(joinHost(wish, worldOf(host, bench)));
  host.changesLeft = Infinity;
  await updateAuthority(bench.dcs, (record) => ({
    value: record === null ? null : { ...record, removed: ["w"] },
    answer: null,
  }));
  const again = await joinHost(wish, worldOf(host, bench));
  assert.match(JSON.stringify(again), /the token was used before/);
});
