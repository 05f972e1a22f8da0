/** `init --adopt` on a host in memory: what it reads, asks, refuses and writes. */
import assert from "node:assert/strict";
import {
  FakeHost,
  fakeWorld,
  GOOD_FACTS,
  memoryStore,
} from "../../../tests/helpers/setup_world.ts";
import { memoryReader } from "../../config/fixtures/memory_reader.ts";
import { loadConfig } from "../../config/load.ts";
import type {
  PatroniProcess,
  RunningServer,
} from "../../ports/setup_servers.ts";
import { BLUEPRINT } from "../../../tests/helpers/host_desk.ts";
import { decodeAdmission, encodeAdmission } from "../admission_codec.ts";
import { blueprintOf } from "../blueprint_of.ts";
import { configText } from "../config_text.ts";
import { initHost } from "../init.ts";
import type { InitWish } from "../init_wish.ts";
import { USUAL_PLACES } from "../layout.ts";
import type { InitOutcome } from "../outcome.ts";
import { freeRole } from "./roles.ts";

const WISH: InitWish = {
  ...{ scope: "main", namespace: null, name: null, address: "10.0.0.11" },
  ...{ vip: null, user: "postgres", pgBin: null, places: USUAL_PLACES },
  store: { name: "etcd3", section: { hosts: ["10.0.0.1:2379"] } },
  adopt: { dataDir: null, agreed: null },
  ...{ isDryRun: false, isStarted: true },
};

const SERVER: RunningServer = {
  ...{ pid: 7, user: "postgres", port: 5432 },
  dataDir: "/var/lib/postgresql/15/main",
  binDir: "/usr/lib/postgresql/15/bin",
  socketDir: "/var/run/postgresql",
  unit: "postgresql@15-main.service",
  isFolderOwn: true,
};

const CONFIG = "/etc/postgresql/15/main/postgresql.conf";
const START = "/etc/postgresql/15/main/start.conf";
const YML = "/etc/matriarch/matriarch.yml";

type Setting = readonly [name: string, value: string, file?: string];

const SETTINGS: readonly Setting[] = [
  ["config_file", CONFIG, ""],
  ["data_directory", SERVER.dataDir],
  ["external_pid_file", "/run/15-main.pid"],
  ["listen_addresses", "localhost"],
  ["max_connections", "300"],
  ["wal_level", "minimal"],
  ["max_wal_senders", "0"],
  ["wal_log_hints", "off"],
  ["work_mem", "7MB"],
  ["ssl", "on"],
  ["ssl_cert_file", "/etc/ssl/own.pem"],
  ["unix_socket_directories", "/var/run/postgresql"],
  ["archive_command", "cp %p /archive"],
  ["shared_preload_libraries", "pg_stat_statements"],
];

interface Said {
  readonly settings?: readonly Setting[];
  readonly [name: string]: unknown;
}

function said({ settings = [], ...more }: Said): string {
  return JSON.stringify({
    ...{ version: 150_018, isSuperuser: true, isStandby: false },
    settings: [...SETTINGS, ...settings].map((
      [name, value, file = CONFIG],
    ) => ({
      ...{ name, value, file, context: "postmaster" },
      source: file === "" ? "command line" : "configuration file",
    })),
    roles: ["postgres", "matriarch", "app"],
    hba: "# ours\nlocal all postgres peer\nhost app app 10.0.0.0/8 md5\n",
    ident: "",
    ...{ hbaErrors: 0, slots: [], receivers: 0, tablespaces: [] },
    ...more,
  });
}

function hostWith(more: Said = {}): FakeHost {
  const host = new FakeHost();
  host.servers_ = [SERVER];
  host.serverFacts = said(more);
  const file = { path: START, mode: 0o644, owner: null, text: "auto\n" };
  host.disk.set(START, file);
  return host;
}

function stepsOf(outcome: InitOutcome): string {
  assert.equal(outcome.kind, "to_agree", JSON.stringify(outcome));
  return outcome.kind === "to_agree" ? outcome.steps : "";
}

/** Asks, and agrees to what is shown. */
async function adopt(
  host: FakeHost,
  world = fakeWorld(host, memoryStore()),
): Promise<InitOutcome> {
  const first = await initHost(WISH, world);
  if (first.kind !== "to_agree") return first;
  const agreed = first.steps;
  return await initHost({ ...WISH, adopt: { dataDir: null, agreed } }, world);
}

Deno.test("init --adopt shows what it will do, and does nothing before it is agreed to", async () => {
  const host = hostWith();
  const world = fakeWorld(host, memoryStore());
  const steps = stepsOf(await initHost(WISH, world));
  assert.match(
    steps,
    /^PostgreSQL 15 on \/var\/lib\/postgresql\/15\/main \(port/,
  );
  assert.match(steps, /postgresql@15-main.service is disabled/);
  assert.match(
    steps,
    /roles matriarch_2 \(superuser\) and matriarch_replicator/,
  );
  assert.match(steps, /not with \/etc\/ssl\/own.pem any more/);
  assert.match(steps, /archive_command counts on each member/);
  assert.match(steps, /Each host that joins needs pg_stat_statements/);
  assert.deepEqual([...host.disk.keys()], [START]);
  assert.deepEqual([host.statements, host.stopped], [[], []]);
  // Agreed to something else.
  const other = { dataDir: null, agreed: "less" };
  const again = await initHost({ ...WISH, adopt: other }, world);
  assert.equal(stepsOf(again), steps);
  const shown = await initHost({ ...WISH, isDryRun: true }, world);
  assert.ok(shown.kind === "planned" && shown.notes.includes(steps));
  assert.deepEqual([...host.disk.keys()], [START]);
});

Deno.test("a server that is taken over keeps its place, settings and rules", async () => {
  const host = hostWith({ slots: ["standby_a"] });
  const outcome = await adopt(host);
  assert.equal(outcome.kind, "done", JSON.stringify(outcome));
  const [roles = "", checkpoint] = host.statements;
  assert.match(roles, /CREATE ROLE matriarch_2;/);
  assert.match(roles, /ROLE matriarch_2 LOGIN SUPERUSER PASSWORD '[\w-]{32}'/);
  assert.doesNotMatch(roles, /ROLE postgres/);
  assert.equal(checkpoint, "CHECKPOINT;");
  assert.deepEqual([host.stopped, host.started], [[7], ["matriarch.service"]]);
  assert.match(host.disk.get(START)?.text ?? "", /^disabled$/m);
  const text = host.disk.get(YML)?.text ?? "";
  const { config, warnings } = await loadConfig({
    ...{ path: YML, env: {}, reader: memoryReader({ [YML]: text }) },
  });
  assert.deepEqual(warnings, []);
  const { postgresql, bootstrap } = config;
  assert.equal(postgresql.dataDir, SERVER.dataDir);
  assert.deepEqual(postgresql.listen, {
    hosts: ["localhost", "10.0.0.11"],
    port: 5432,
  });
  assert.match(
    text,
    /custom_conf: \/etc\/postgresql\/15\/main\/postgresql.conf/,
  );
  const dcs = bootstrap?.dcs ?? {};
  assert.deepEqual(dcs["ignore_slots"], [{ name: "standby_a" }]);
  assert.deepEqual(dcs["postgresql"], {
    use_pg_rewind: true,
    parameters: {
      ...{ max_connections: "300", work_mem: "7MB" },
      shared_preload_libraries: "pg_stat_statements",
      archive_command: "cp %p /archive",
    },
    pg_hba: [
      "local all matriarch_2 scram-sha-256",
      "hostssl all matriarch_2 all scram-sha-256",
      "hostssl replication matriarch_replicator all scram-sha-256",
      "local all postgres peer",
      "host app app 10.0.0.0/8 md5",
    ],
    pg_ident: [],
  });
  // Hosts that join take the rules from the store.
  assert.ok(blueprintOf(config, 15, dcs).isAccessShared);
  assert.ok(!blueprintOf(config, 15, {}).isAccessShared);
});

Deno.test("a host that joins takes rules of access from the store where they are there", () => {
  const told = (isAccessShared: boolean): string => {
    const admission = {
      ...{ cert: "c", trusted: ["t"], witness: null },
      blueprint: { ...BLUEPRINT, isAccessShared },
    };
    const { blueprint } = decodeAdmission(encodeAdmission(admission)) ?? {};
    assert.ok(blueprint);
    return configText(blueprint, {
      ...{ name: "db2", address: "10.0.0.12", user: "postgres", pgBin: "/b" },
      ...{ places: USUAL_PLACES, interface: "eth0" },
      ...{ mayBootstrap: false, adopted: null },
    });
  };
  assert.doesNotMatch(told(true), /pg_hba/);
  assert.match(told(false), /pg_hba:\n {4}- local all postgres peer\n/);
});

Deno.test("wherever the plug is pulled, a repeat finishes taking over", async () => {
  let pulled = 0;
  for (let changes = 0;; changes++) {
    const host = hostWith();
    const world = fakeWorld(host, memoryStore());
    host.changesLeft = changes;
    const first = await adopt(host, world).catch(() => null);
    host.changesLeft = Infinity;
    const decided = host.disk.get("/etc/matriarch/setup.draft")?.text ?? null;
    const isMade = host.statements.length > 0;
    const again = await adopt(host, world);
    assert.equal(again.kind, "done", JSON.stringify(again));
    assert.deepEqual(host.servers_, [], `after ${changes} changes`);
    assert.deepEqual(host.stopped.length, 1);
    assert.match(host.disk.get(START)?.text ?? "", /^disabled$/m);
    assert.equal(host.disk.get("/etc/matriarch/setup.draft"), undefined);
    const config = host.disk.get(YML)?.text ?? "";
    if (decided !== null) assert.ok(decided.includes(JSON.stringify(config)));
    // The passwords that the server got are those of the file.
    const last = host.statements.findLast((sql) => sql.includes("PASSWORD"));
    const [, password = ""] = /SUPERUSER PASSWORD '(.*)'/.exec(last ?? "") ??
      [];
    assert.ok(password !== "" && config.includes(JSON.stringify(password)));
    if (isMade) assert.ok(decided !== null || first !== null);
    if (first !== null) {
      assert.ok(again.kind === "done" && again.isRepeated);
      break;
    }
    pulled += 1;
  }
  assert.ok(pulled > 12, String(pulled));
});

Deno.test("with --no-start the server runs on, and it is told how to stop it", async () => {
  const host = hostWith();
  const world = fakeWorld(host, memoryStore());
  const wish = { ...WISH, isStarted: false };
  const agreed = stepsOf(await initHost(wish, world));
  assert.match(agreed, /Nothing is restarted now/);
  const adopt = { dataDir: SERVER.dataDir, agreed };
  const done = await initHost({ ...wish, adopt }, world);
  assert.ok(done.kind === "done");
  assert.match(
    done.notes.join(),
    /"systemctl disable --now postgresql@15-main.service"/,
  );
  assert.deepEqual([host.stopped, host.started], [[], []]);
});

Deno.test("what an init with --adopt began, one without does not go on with", async () => {
  const host = hostWith();
  const world = fakeWorld(host, memoryStore());
  const agreed = stepsOf(await initHost(WISH, world));
  host.changesLeft = 1;
  const adopt = { dataDir: null, agreed };
  await assert.rejects(initHost({ ...WISH, adopt }, world));
  host.changesLeft = Infinity;
  const plain = await initHost({ ...WISH, adopt: null }, world);
  assert.match(JSON.stringify(plain), /An init with --adopt has begun here/);
});

const REFUSED: readonly (readonly [string, Said, RegExp])[] = [
  ["an old version", { version: 120_022 }, /PostgreSQL 12: 13 is the oldest/],
  ["a standby", { isStandby: true }, /is a standby: take over its primary/],
  ["a role without rights", { isSuperuser: false }, /postgres is no superuser/],
  [
    "ALTER SYSTEM",
    { settings: [["ssl_ca_file", "x", "/d/postgresql.auto.conf"]] },
    /call ALTER SYSTEM RESET ssl_ca_file/,
  ],
  ["unreadable rules", { hbaErrors: 2 }, /has 2 lines that PostgreSQL cannot/],
  [
    "rules of another file",
    { hba: "local all @admins peer\n" },
    /"local all @admins peer" includes another file/,
  ],
  [
    "client certificates",
    { hba: "hostssl all all all scram-sha-256 clientcert=verify-ca\n" },
    /asks for certificates of clients/,
  ],
  [
    "settings under another name",
    { settings: [["config_file", `${SERVER.dataDir}/my.conf`]] },
    /call that file postgresql.conf first/,
  ],
];

for (const [what, more, expected] of REFUSED) {
  Deno.test(`init --adopt refuses a server with ${what}`, async () => {
    const host = hostWith();
    // The last of a name counts here.
    const { settings = [] } = more;
    const names = settings.map(([name]) => name);
    const facts = JSON.parse(said(more));
    host.serverFacts = JSON.stringify({
      ...facts,
      settings: facts.settings.filter((
        each: { readonly name: string },
        at: number,
      ) => !names.includes(each.name) || at >= SETTINGS.length),
    });
    const outcome = await adopt(host);
    assert.equal(outcome.kind, "refused");
    assert.match(JSON.stringify(outcome).replaceAll('\\"', '"'), expected);
    assert.deepEqual([...host.disk.keys()], [START]);
    assert.deepEqual(host.statements, []);
  });
}

const NONE: readonly (readonly [string, readonly RunningServer[], RegExp])[] = [
  ["no server", [], /No PostgreSQL runs on this host/],
  [
    "two servers",
    [SERVER, { ...SERVER, pid: 8, dataDir: "/other" }],
    /2 servers run here .* name one by --data-dir/,
  ],
  ["a foreign user", [{ ...SERVER, user: "pg" }], /give --user pg/],
  ["no socket", [{ ...SERVER, socketDir: "" }], /has no Unix socket/],
  [
    "a folder of root's",
    [{ ...SERVER, isFolderOwn: false }],
    /chown postgres \/var\/lib\/postgresql\/15/,
  ],
];

for (const [what, servers, expected] of NONE) {
  Deno.test(`init --adopt refuses ${what}, with whatever else is wrong`, async () => {
    const host = hostWith();
    host.servers_ = servers;
    host.facts_ = {
      ...GOOD_FACTS,
      taken: [{ port: 8008, program: "repmgrd (process 5)" }],
      managers: ["repmgrd (process 5)"],
    };
    const outcome = await adopt(host);
    const problems = outcome.kind === "refused" ? outcome.problems : [];
    assert.equal(problems.length, 3);
    assert.match(problems.join("\n"), expected);
    assert.match(
      problems.join("\n"),
      /repmgrd \(process 5\) runs on this host/,
    );
    assert.deepEqual([...host.disk.keys()], [START]);
  });
}

Deno.test("init --adopt tells how a member of Patroni's moves, and leaves it alone", async () => {
  const host = hostWith();
  const told = async (patroni: PatroniProcess): Promise<string> => {
    host.patroni_ = patroni;
    const outcome = await adopt(host);
    const problems = outcome.kind === "refused" ? outcome.problems : [];
    assert.equal(problems.length, 1);
    return problems.join();
  };
  const unit = "patroni@15-main.service";
  const configPath = "/etc/patroni/15-main.yml";
  const whole = await told({ pid: 5, configPath, unit });
  assert.match(whole, /^ {4}patronictl -c \/etc\/patroni\/15-main.yml pause/m);
  assert.match(whole, /^ {4}systemctl disable --now patroni@15-main.service$/m);
  assert.match(whole, /"\/usr\/local\/bin\/matriarch run \/etc\/patroni/);
  const bare = await told({ pid: 5, configPath: null, unit: null });
  assert.match(bare, /with FILE, its configuration\./);
  assert.match(bare, /disable --now patroni$/m);
  assert.deepEqual([[...host.disk.keys()], host.statements], [[START], []]);
});

Deno.test("a server that does not let its own user in is told with the way out", async () => {
  const host = hostWith();
  const servers = {
    ...host.servers,
    query: () => Promise.reject(new Error("fe_sendauth: no password supplied")),
  };
  const world = fakeWorld(host, memoryStore());
  const closed = { ...world, host: Object.assign(host, { servers }) };
  const outcome = await initHost(WISH, closed);
  assert.match(JSON.stringify(outcome), /no password supplied.*PGPASSWORD/);
});

Deno.test("freeRole() leaves names alone that are taken", () => {
  assert.equal(freeRole("m", []), "m");
  assert.equal(freeRole("m", ["m", "m_2"]), "m_3");
});
