/**
 * The real adapter on real servers: the promises of the port, then what only a
 * real host can do to it.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { ControlFile } from "../../lib/adapters/postgres/directory/control_data.ts";
import type {
  CloneMethod,
  PostgresOptions,
} from "../../lib/adapters/postgres/options.ts";
import { livePostmaster } from "../../lib/adapters/postgres/process/pid_file.ts";
import {
  childrenOf,
  processFacts,
} from "../../lib/adapters/postgres/process/processes.ts";
import type { Postgres } from "../../lib/ports/postgres.ts";
import {
  eventually,
  NEVER,
  sql,
  stop,
  testContext,
  type TestInstance,
  TestWorld,
  untilRole,
} from "../helpers/postgres.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { postgresSuite, type SuiteWorld } from "./postgres_suite.ts";

const START_LIMIT_MS = 60_000;

unprivileged(import.meta.url, () => {
  postgresSuite("PostgresLocal", newSuiteWorld);
  test("the server outlives its agent and is adopted", adopted);
  test("what waits for a restart is seen, with its values", pendingRestart);
  test("wrong parameters do not keep it from starting", wrongParameters);
  test("a frozen server does not hang a look", frozen);
  test("orphans of a killed postmaster are ended", orphans);
  test("a stop that hangs is escalated", escalation);
  test("a pid of somebody else is no postmaster", reusedPid);
  test("a dead postmaster that nobody reaps is no postmaster", unreapedPid);
  test("what may be somebody's is moved aside", halfMade);
  test("a look that is killed says nothing of the data", killedLook);
  test("a cancelled clone ends its program", cancelledClone);
  test("a mount point of somebody else's folder is enough", mountPoint);
  test("removing data empties WAL and tablespaces too", removal);
  test("a failed bootstrap moves its directory away", failedBootstrap);
  test("post_bootstrap gets a usable connection string", postBootstrap);
  test("a custom bootstrap restores and is promoted", customBootstrap);
  test("custom clone methods are tried in order", customClone);
  test("a missing slot does not keep from cloning", missingSlot);
  test("a standby takes the larger value of pg_control", minimums);
  test("an idle primary writes the record that a standby lacks", idlePrimary);
});

function test(what: string, body: (world: TestWorld) => Promise<void>): void {
  Deno.test({
    name: `PostgresLocal: ${what}`,
    sanitizeResources: false,
    sanitizeOps: false,
    fn: async () => {
      await using world = new TestWorld();
      await body(world);
    },
  });
}

function newSuiteWorld(): SuiteWorld {
  const world = new TestWorld();
  return {
    instance(name) {
      const { postgres, options, peer } = world.instance(name);
      return {
        postgres,
        peer,
        write: async () => {
          await sql(options, "CREATE TABLE IF NOT EXISTS t (i int)");
          await sql(options, "INSERT INTO t SELECT generate_series(1, 1000)");
        },
        crash: () => killPostmaster(options),
      };
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

/** Found as up to 15 s in which a rewound replica of an idle leader let nobody in. */
async function idlePrimary(world: TestWorld): Promise<void> {
  const old = await bootstrapped(world);
  const next = world.instance("two");
  await next.postgres.data.clone(old.peer, null, NEVER);
  const standby = { kind: "standby", upstream: old.peer } as const;
  await next.postgres.server.start(standby, START_LIMIT_MS, NEVER);
  await stop(old.postgres, "immediate");
  await next.postgres.server.promote(START_LIMIT_MS, NEVER);
  const slots = { create: ["one"], drop: [], advance: {} };
  await next.postgres.slots.apply(slots);
  const [row] = await sql(
    next.options,
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'background writer'",
  );
  Deno.kill(Number(row?.["pid"]), "SIGSTOP");
  // Afterwards reading sets no hint bits, which would be WAL.
  await sql(next.options, "VACUUM FREEZE");
  await next.postgres.server.checkpoint(NEVER);
  // The position is a new file's first byte then, where no record has ended yet.
  await sql(next.options, "SELECT pg_switch_wal()");
  await old.postgres.data.rewind(next.peer, NEVER);
  const mode = { kind: "standby", upstream: next.peer } as const;
  const started = await old.postgres.server.start(mode, 2_000, NEVER);
  // Before 14, pg_rewind makes a temporary table on its source: that is WAL.
  const [version] = await sql(next.options, "SHOW server_version_num");
  const isIdle = Number(version?.["server_version_num"]) >= 140_000;
  assert.deepEqual(started, { kind: isIdle ? "starting" : "running" });
  await next.postgres.upstream.writeRecord(next.peer);
  await untilRole(old.postgres, "replica");
  // A standby has none to write, and that is no error.
  await old.postgres.upstream.writeRecord(old.peer);
  Deno.kill(Number(row?.["pid"]), "SIGCONT");
}

async function adopted(world: TestWorld): Promise<void> {
  const one = await bootstrapped(world);
  await one.postgres.settings.setSynchronousStandbys("two");
  const before = await untilRole(one.postgres, "primary");
  await one.postgres.close();
  const pid = before.postmasterPid;
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const session = Number(stat.slice(stat.lastIndexOf(")")).split(" ")[4]);
  assert.equal(session, pid, "the server has a session of its own");
  const next = world.adopt(one.options);
  const after = await untilRole(next.postgres, "primary");
  assert.equal(after.postmasterPid, pid);
  assert.equal(after.areStandbysManaged, true);
  // A new agent that only knows the document must not drop the standbys.
  const document = { parameters: { work_mem: "5MB" } };
  await next.postgres.settings.configure({ document });
  const kept = await untilRole(next.postgres, "primary");
  assert.equal(kept.synchronousStandbyNames, "two");
  await next.postgres.settings.setSynchronousStandbys(null);
}

async function pendingRestart(world: TestWorld): Promise<void> {
  const { postgres, options } = await bootstrapped(world);
  const document = {
    max_connections: 30,
    parameters: { shared_buffers: "32MB", work_mem: "8MB" },
  };
  await postgres.settings.configure({ document });
  const expected = {
    max_connections: { oldValue: "25", newValue: "30" },
    shared_buffers: { oldValue: "16MB", newValue: "32MB" },
  };
  const view = await untilRole(postgres, "primary");
  assert.deepEqual(view.pendingRestart, expected);
  const [row] = await sql(options, "SHOW work_mem");
  assert.equal(row?.["work_mem"], "8MB");
  // An agent that comes later sees it as well.
  await postgres.settings.saveDynamicConfig(document);
  const next = world.adopt(options).postgres;
  const seen = await untilRole(next, "primary");
  assert.deepEqual(seen.pendingRestart, expected);
  await stop(next);
  await startPrimary(next);
  const restarted = await untilRole(next, "primary");
  assert.deepEqual(restarted.pendingRestart, {});
  const [row2] = await sql(options, "SHOW max_connections");
  assert.equal(row2?.["max_connections"], "30");
}

async function wrongParameters(world: TestWorld): Promise<void> {
  const { postgres, options, log } = await bootstrapped(world);
  const parameters = {
    nonsense: "x",
    work_mem: "1kB",
    fsync: "perhaps",
    "my.extension": "it's",
  };
  await postgres.settings.configure({ document: { parameters } });
  await stop(postgres);
  await startPrimary(postgres);
  const rows = await sql(
    options,
    "SELECT current_setting('work_mem') AS work_mem, " +
      "current_setting('my.extension') AS extension",
  );
  assert.deepEqual({ ...rows[0] }, { work_mem: "64kB", extension: "it's" });
  assert.match(log.lines.join("\n"), /Removing unexpected parameter=nonsense/);
}

async function frozen(world: TestWorld): Promise<void> {
  const { postgres, options } = await bootstrapped(world);
  await untilRole(postgres, "primary");
  const pid = await postmasterPid(options);
  const pids = [pid, ...await childrenOf(pid)];
  pids.forEach((each) => Deno.kill(each, "SIGSTOP"));
  const view = await postgres.observe();
  assert.equal(view.kind, "unresponsive");
  pids.forEach((each) => Deno.kill(each, "SIGCONT"));
  await untilRole(postgres, "primary");
}

async function orphans(world: TestWorld): Promise<void> {
  const { postgres, options } = await bootstrapped(world);
  await untilRole(postgres, "primary");
  const pid = await postmasterPid(options);
  const children = await childrenOf(pid);
  assert.ok(children.length > 0, "a server has processes");
  // Frozen ones cannot notice that their postmaster died.
  children.forEach((each) => Deno.kill(each, "SIGSTOP"));
  await killPostmaster(options);
  assert.equal((await postgres.observe()).kind, "stopped");
  await startPrimary(postgres);
  for (const child of children) {
    assert.equal(await processFacts(child), null);
  }
}

async function escalation(world: TestWorld): Promise<void> {
  const { postgres, options } = await bootstrapped(world);
  const pid = await postmasterPid(options);
  Deno.kill(pid, "SIGSTOP");
  let isHookCalled = false;
  await postgres.server.stop({
    mode: "fast",
    isCheckpointFirst: false,
    escalateAfterMs: 200,
    onShutdownCheckpoint: () => {
      isHookCalled = true;
      return Promise.resolve();
    },
  });
  assert.equal(isHookCalled, false);
  assert.equal(await processFacts(pid), null);
  assert.equal((await postgres.observe()).kind, "stopped");
}

async function reusedPid(world: TestWorld): Promise<void> {
  const { postgres, options } = await bootstrapped(world);
  const path = join(options.dataDir, "postmaster.pid");
  const text = await Deno.readTextFile(path);
  await stop(postgres);
  const other = new Deno.Command("sleep", { args: ["600"] }).spawn();
  try {
    await Deno.writeTextFile(path, text.replace(/^\d+/, String(other.pid)));
    assert.equal((await postgres.observe()).kind, "stopped");
    await startPrimary(postgres);
  } finally {
    other.kill("SIGKILL");
    await other.status;
  }
}

async function unreapedPid(world: TestWorld): Promise<void> {
  const { postgres, options } = await bootstrapped(world);
  const path = join(options.dataDir, "postmaster.pid");
  const text = await Deno.readTextFile(path);
  await stop(postgres);
  // A parent that never waits for its child keeps it as a zombie.
  const parent = new Deno.Command("sh", {
    args: ["-c", "sleep 0.2 & echo $!; exec sleep 600"],
    stdout: "piped",
  }).spawn();
  try {
    const { value } = await parent.stdout.getReader().read();
    const zombie = new TextDecoder().decode(value).trim();
    await eventually(
      () => Deno.readTextFile(`/proc/${zombie}/stat`),
      (stat) => stat.includes(") Z "),
    );
    const { port } = options.listen;
    const lock = join(world.path, "one", `.s.PGSQL.${port}.lock`);
    await Deno.writeTextFile(path, text.replace(/^\d+/, zombie));
    await Deno.writeTextFile(lock, `${zombie}\n`);
    assert.equal((await postgres.observe()).kind, "stopped");
    await startPrimary(postgres);
  } finally {
    parent.kill("SIGKILL");
    await parent.status;
  }
}

/** As where memory or time has run out: it is no damage, and not remembered. */
async function killedLook(world: TestWorld): Promise<void> {
  const { options, postgres } = await bootstrapped(world);
  await stop(postgres);
  const control = join(options.dataDir, "global", "pg_control");
  // Old enough to be remembered.
  await Deno.utime(control, 1_700_000_000, 1_700_000_000);
  const binDir = join(world.path, "programs");
  const program = join(binDir, "pg_controldata");
  const real = join(options.binDir ?? "", "pg_controldata");
  await Deno.mkdir(binDir);
  const says = async (script: string) => {
    await Deno.writeTextFile(program, `#!/bin/sh\n${script}\n`);
    await Deno.chmod(program, 0o755);
  };
  const file = new ControlFile(testContext({ ...options, binDir }));
  for (const script of ["kill -9 $$", "exit 127"]) {
    await says(script);
    assert.equal((await file.look()).kind, "silent", script);
  }
  await says(`exec ${real} "$@"`);
  const look = await file.look();
  assert.ok(look.kind === "read" && look.data.state === "shut down");
  // From now on the file is known, and nobody has to be asked.
  await says("kill -9 $$");
  assert.deepEqual(await file.look(), look);
  // What is damaged is damaged.
  await Deno.truncate(control, 100);
  await says(`exec ${real} "$@"`);
  assert.equal((await file.look()).kind, "invalid");
}

async function halfMade(world: TestWorld): Promise<void> {
  const one = await bootstrapped(world);
  const two = world.instance("two");
  await two.postgres.data.clone(one.peer, null, NEVER);
  await stop(one.postgres);
  const control = join(two.options.dataDir, "global", "pg_control");
  await Deno.rename(control, `${control}.away`);
  const view = await two.postgres.observe();
  // Nobody says that it was us who began it: it is its owner's to throw away.
  assert.ok(view.kind === "unusable" && view.problem === "invalid_system_id");
  await Deno.rename(`${control}.away`, control);
  assert.equal((await two.postgres.observe()).kind, "stopped");
  // What an agent leaves that dies while a program fills the directory.
  const marker = join(
    dirname(two.options.dataDir),
    ".data.matriarch-incomplete",
  );
  await Deno.writeTextFile(marker, "clone\n0 0\n");
  const marked = await two.postgres.observe();
  // An older version did not say in which directory: it may be a restored one.
  assert.ok(marked.kind === "unusable" && marked.problem === "doubtful");
  const aside = await two.postgres.data.setAside();
  assert.equal(aside, `${two.options.dataDir}.aside`);
  assert.ok(Deno.statSync(join(aside, "global", "pg_control")).isFile);
  assert.deepEqual(await two.postgres.observe(), { kind: "empty" });
}

async function cancelledClone(world: TestWorld): Promise<void> {
  const one = await bootstrapped(world);
  const pidFile = join(world.path, "pid");
  const two = world.instance(
    "two",
    withMethods([{
      kind: "custom",
      name: "slow",
      command: ["sh", "-c", `mkdir -p $0; echo $$ > ${pidFile}; sleep 600`],
      options: [join(world.path, "two", "data")],
      hasNoParams: true,
      hasNoLeader: true,
      isDataKept: false,
    }]),
  );
  const abort = new AbortController();
  const clone = two.postgres.data.clone(one.peer, null, abort.signal);
  const text = await eventually(
    () => Deno.readTextFile(pidFile).catch(() => ""),
    (seen) => seen.endsWith("\n"),
  );
  abort.abort();
  await assert.rejects(clone, { name: "CancelledError" });
  await eventually(() => processFacts(Number(text)), (facts) => facts === null);
  assert.deepEqual(await two.postgres.observe(), { kind: "empty" });
}

async function mountPoint(world: TestWorld): Promise<void> {
  const parent = join(world.path, "mount");
  const dataDir = join(parent, "data");
  await Deno.mkdir(dataDir, { recursive: true, mode: 0o700 });
  await Deno.chmod(parent, 0o555);
  try {
    const place = { dataDir, configDir: dataDir };
    const one = world.instance("one", () => place);
    await one.postgres.data.bootstrap(NEVER);
    await untilRole(one.postgres, "primary");
    await stop(one.postgres);
    await one.postgres.data.remove();
    const two = world.instance("two", (options) => ({
      ...place,
      ...withMethods([{
        kind: "custom",
        name: "slow",
        command: [
          "sh",
          "-c",
          "mkdir $0/global; touch $0/global/pg_control; sleep 600",
        ],
        options: [dataDir],
        hasNoParams: true,
        hasNoLeader: true,
        isDataKept: false,
      }])(options),
    }));
    const abort = new AbortController();
    const clone = two.postgres.data.clone(null, null, abort.signal);
    await eventually(
      () => two.postgres.observe(),
      (view) => view.kind === "unusable" && /clone/.test(view.detail),
    );
    abort.abort();
    await assert.rejects(clone, { name: "CancelledError" });
    assert.deepEqual(await two.postgres.observe(), { kind: "empty" });
  } finally {
    await Deno.chmod(parent, 0o755);
  }
}

async function removal(world: TestWorld): Promise<void> {
  const walDir = join(world.path, "wal");
  const space = join(world.path, "space");
  await Deno.mkdir(space, { mode: 0o700 });
  const { postgres, options } = world.instance("one", () => ({
    bootstrap: {
      method: { kind: "initdb", options: [`--waldir=${walDir}`] },
      pgHba: [],
      postBootstrap: null,
    },
  }));
  await postgres.data.bootstrap(NEVER);
  await sql(options, `CREATE TABLESPACE elsewhere LOCATION '${space}'`);
  await Deno.writeTextFile(join(space, "not ours"), "");
  await stop(postgres);
  await postgres.data.remove();
  assert.deepEqual(await postgres.observe(), { kind: "empty" });
  assert.deepEqual(await namesIn(walDir), []);
  assert.deepEqual(await namesIn(space), ["not ours"]);
}

async function namesIn(path: string): Promise<readonly string[]> {
  return (await Array.fromAsync(Deno.readDir(path))).map((e) => e.name);
}

async function failedBootstrap(world: TestWorld): Promise<void> {
  const { postgres, options } = world.instance("one", ({ bootstrap }) => ({
    bootstrap: bootstrap && { ...bootstrap, postBootstrap: ["false"] },
  }));
  await assert.rejects(postgres.data.bootstrap(NEVER), /Failed to bootstrap/);
  assert.deepEqual(await postgres.observe(), { kind: "empty" });
  const moved = await Deno.stat(`${options.dataDir}.failed/PG_VERSION`);
  assert.ok(moved.isFile);
}

async function postBootstrap(world: TestWorld): Promise<void> {
  const script = join(world.path, "post.sh");
  const { postgres, options } = world.instance("one", (own) => ({
    bootstrap: own.bootstrap && {
      ...own.bootstrap,
      postBootstrap: ["sh", script],
    },
  }));
  await Deno.writeTextFile(
    script,
    `${options.binDir}/psql "$1" -c "CREATE TABLE made_by_script ()"\n`,
  );
  await postgres.data.bootstrap(NEVER);
  const rows = await sql(
    options,
    "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1",
  );
  assert.deepEqual(rows.map((row) => row["rolname"]), [
    "postgres",
    "replicator",
    "rewinder",
  ]);
  const tables = await sql(options, "SELECT 1 FROM made_by_script");
  assert.equal(tables.length, 0);
}

async function customBootstrap(world: TestWorld): Promise<void> {
  const one = await bootstrapped(world);
  await sql(one.options, "CREATE TABLE kept (i int)");
  const copy = world.instance("copy");
  await copy.postgres.data.clone(one.peer, null, NEVER);
  const two = world.instance("two", (own) => ({
    bootstrap: {
      method: {
        kind: "custom",
        name: "restore",
        command: ["sh", "-c", 'cp -a "$0" "$1"', copy.options.dataDir],
        options: [own.dataDir],
        hasNoParams: true,
        isRecoveryConfKept: false,
        recoveryConf: {
          recovery_target_action: "promote",
          recovery_target_timeline: "latest",
          restore_command: "false",
        },
      },
      pgHba: [],
      postBootstrap: null,
    },
  }));
  await two.postgres.data.bootstrap(NEVER);
  const view = await untilRole(two.postgres, "primary");
  assert.equal(view.timeline, 2);
  assert.equal((await sql(two.options, "SELECT 1 FROM kept")).length, 0);
  const [row] = await sql(two.options, "SHOW hot_standby");
  assert.equal(row?.["hot_standby"], "on");
}

async function customClone(world: TestWorld): Promise<void> {
  const one = await bootstrapped(world);
  const custom = {
    kind: "custom",
    hasNoParams: false,
    hasNoLeader: false,
    isDataKept: false,
  } as const;
  const seen = join(world.path, "arguments");
  const two = world.instance(
    "two",
    withMethods([
      {
        ...custom,
        name: "broken",
        command: ["sh", "-c", `echo "$0 $@" > ${seen}; exit 3`],
        options: ["--stanza=x"],
      },
      { kind: "basebackup", options: ["--checkpoint=fast"] },
    ]),
  );
  await two.postgres.data.clone(one.peer, null, NEVER);
  assert.equal((await two.postgres.observe()).kind, "stopped");
  const line = await Deno.readTextFile(seen);
  assert.match(line, /^--stanza=x --scope=batman --role=replica --datadir=/);
  assert.match(line, /--connstring=dbname=postgres user=replicator host=/);
  assert.doesNotMatch(line, /li.cate/);
}

async function missingSlot(world: TestWorld): Promise<void> {
  const one = await bootstrapped(world);
  const two = world.instance("two");
  await two.postgres.data.clone(one.peer, "not_there", NEVER);
  assert.equal((await two.postgres.observe()).kind, "stopped");
}

async function minimums(world: TestWorld): Promise<void> {
  const one = await bootstrapped(world);
  await one.postgres.settings.configure({ document: { max_connections: 40 } });
  await stop(one.postgres);
  await startPrimary(one.postgres);
  const two = world.instance("two");
  await two.postgres.data.clone(one.peer, null, NEVER);
  await two.postgres.settings.configure({ document: { max_connections: 26 } });
  const result = await two.postgres.server.start(
    { kind: "standby", upstream: one.peer },
    START_LIMIT_MS,
    NEVER,
  );
  assert.deepEqual(result, { kind: "running" });
  const view = await untilRole(two.postgres, "replica");
  assert.deepEqual(view.pendingRestart, {
    max_connections: { oldValue: "40", newValue: "26" },
  });
}

function withMethods(
  cloneMethods: readonly CloneMethod[],
): (options: PostgresOptions) => Partial<PostgresOptions> {
  return ({ effective }) => ({
    effective: (document, version, role) => ({
      ...effective(document, version, role),
      cloneMethods,
    }),
  });
}

async function bootstrapped(world: TestWorld): Promise<TestInstance> {
  const instance = world.instance("one");
  await instance.postgres.data.bootstrap(NEVER);
  return instance;
}

async function startPrimary(postgres: Postgres): Promise<void> {
  const result = await postgres.server.start(
    { kind: "primary" },
    START_LIMIT_MS,
    NEVER,
  );
  assert.deepEqual(result, { kind: "running" });
}

async function postmasterPid(options: PostgresOptions): Promise<number> {
  const file = await livePostmaster(testContext(options));
  assert.ok(file !== null, "the postmaster runs");
  return file.pid;
}

async function killPostmaster(options: PostgresOptions): Promise<void> {
  const pid = await postmasterPid(options);
  Deno.kill(pid, "SIGKILL");
  await eventually(() => processFacts(pid), (facts) => facts === null);
}
