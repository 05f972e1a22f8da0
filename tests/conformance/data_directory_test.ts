/**
 * Goal: of what lies in and around a data directory only that is removed which
 * this program surely wrote, or was told to give up; the rest stays or is moved.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DataDirectory } from "../../lib/adapters/postgres/directory/data_directory.ts";
import { OutsideContent } from "../../lib/adapters/postgres/directory/outside_content.ts";
import { FillingWork } from "../../lib/adapters/postgres/directory/filling.ts";
import { FillMarks } from "../../lib/adapters/postgres/directory/fill_marks.ts";
import { FolderRecord } from "../../lib/adapters/postgres/directory/folder_record.ts";
import { PostgresLocal } from "../../lib/adapters/postgres/postgres_local.ts";
import type { PostgresOptions } from "../../lib/adapters/postgres/options.ts";
import {
  eventually,
  NEVER,
  REAL_CLOCK,
  sql,
  stop,
  testContext,
  type TestInstance,
  TestLog,
  TestWorld,
  untilRole,
} from "../helpers/postgres.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  test("work that was cut is thrown away, what took its place is not", cutWork);
  test("a copy begins in an empty directory only", takenMeanwhile);
  test("a program that takes its files away again says why", takenAway);
  test("failed bootstraps do not take each other's place", failedBootstraps);
  test("a link is the directory that it leads to", linkedDirectory);
  test("outside goes what this instance ran in", outside);
  test("what another server uses outside stays", shared);
  test("a copy finds its folders outside free", copyWithFolders);
});

function test(what: string, body: (world: TestWorld) => Promise<void>): void {
  Deno.test({
    name: `data directory: ${what}`,
    sanitizeResources: false,
    sanitizeOps: false,
    fn: async () => {
      await using world = new TestWorld();
      await body(world);
    },
  });
}

function names(path: string): readonly string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
}

function isThere(path: string): boolean {
  try {
    return Deno.lstatSync(path) !== null;
  } catch {
    return false;
  }
}

/** A directory as a restore by hand makes it; nothing here starts it. */
function restore(path: string): void {
  Deno.mkdirSync(join(path, "global"), { recursive: true });
  Deno.writeTextFileSync(join(path, "global", "pg_control"), "restored");
}

/** Fills the directory as a program does, and dies with its agent. */
async function cut(world: TestWorld, options: PostgresOptions): Promise<void> {
  const { filling } = new DataDirectory(testContext(options));
  await filling.begin({
    what: "clone",
    isOwnProgram: true,
    folders: [{ kind: "wal", path: join(world.path, "wal") }],
    existing: "refused",
  });
  const program = new Deno.Command("sh", {
    args: [
      "-c",
      // It is killed as soon as something is seen in the data directory.
      'mkdir -p "$1"; touch "$1/segment"; mkdir -p "$0/global"; sleep 600',
      options.dataDir,
      join(world.path, "wal"),
    ],
    env: { ...filling.env },
    detached: true,
  }).spawn();
  await filling.started(program.pid);
  Deno.kill(-program.pid, "SIGKILL");
  await program.status;
}

async function cutWork(world: TestWorld): Promise<void> {
  const { options } = world.instance("one");
  const directory = (): DataDirectory => new DataDirectory(context);
  const context = testContext(options);
  const { dataDir } = options;
  await cut(world, options);
  assert.equal((await directory().look()).kind, "half_made");
  await directory().clear();
  assert.equal((await directory().look()).kind, "empty");
  assert.deepEqual(names(join(world.path, "wal")), []);

  await cut(world, options);
  Deno.renameSync(dataDir, `${dataDir}.cut`);
  restore(dataDir);
  assert.equal((await directory().look()).kind, "filled");
  assert.deepEqual(names(join(world.path, "one")), ["data", "data.cut"]);

  // The same directory, as a mount point is, emptied by hand and filled anew.
  Deno.removeSync(dataDir, { recursive: true });
  Deno.removeSync(join(world.path, "wal"), { recursive: true });
  await cut(world, options);
  for (const name of names(dataDir)) {
    Deno.removeSync(join(dataDir, name), { recursive: true });
  }
  restore(dataDir);
  const seen = await directory().look();
  assert.ok(seen.kind === "doubtful");
  assert.match(seen.detail, /remove that file if the directory is whole/);
  await Deno.writeTextFile(`${dataDir}.aside`, "somebody's");
  assert.equal(await directory().setAside(), `${dataDir}.aside.2`);
  assert.ok(isThere(`${dataDir}.aside.2/global/pg_control`));
  assert.equal((await directory().look()).kind, "empty");
  assert.deepEqual(names(join(world.path, "wal")), ["segment"]);
}

async function takenMeanwhile(world: TestWorld): Promise<void> {
  const { postgres, options, peer } = world.instance("one");
  restore(options.dataDir);
  await assert.rejects(
    postgres.data.clone(peer, null, NEVER),
    /not empty any more/,
  );
  await assert.rejects(postgres.data.bootstrap(NEVER), /not empty any more/);
  assert.deepEqual(names(options.dataDir), ["global"]);
  assert.ok(!isThere(`${options.dataDir}.failed`));
}

/** What a program that fails at once removes while its mark is written: here all of it. */
class LateMarks extends FillMarks {
  readonly #path: string;
  late = 0;

  constructor(path: string) {
    super(() => path);
    this.#path = path;
  }

  override async writeInside(
    ...call: Parameters<FillMarks["writeInside"]>
  ): Promise<void> {
    this.late += 1;
    Deno.removeSync(this.#path, { recursive: true });
    await super.writeInside(...call);
  }
}

async function takenAway(world: TestWorld): Promise<void> {
  const { options } = world.instance("one");
  const { dataDir } = options;
  const marks = new LateMarks(dataDir);
  const record = new FolderRecord(() => dataDir);
  const context = testContext(options);
  const outside = new OutsideContent(context, record);
  const filling = new FillingWork(context, { marks, outside });
  await filling.begin({
    what: "clone",
    isOwnProgram: true,
    folders: [],
    existing: "refused",
  });
  const child = new Deno.Command("sh", {
    args: ["-c", 'touch "$0/half"; while test -e "$0"; do :; done', dataDir],
    env: { ...filling.env },
  }).spawn();
  await filling.started(child.pid);
  assert.equal(marks.late, 1);
  await child.status;
  await filling.discard();
  assert.ok(!isThere(dataDir));
}

/** Its first start fails after initdb has made all. */
function failing(
  world: TestWorld,
  initdb: readonly string[],
): (options: PostgresOptions) => Partial<PostgresOptions> {
  return () => ({
    bootstrap: {
      method: { kind: "initdb", options: ["--no-sync", ...initdb] },
      pgHba: [],
      postBootstrap: [
        "sh",
        "-c",
        `mkdir -p ${world.path}/space; psql "$1" -c "CREATE TABLESPACE s LOCATION '${world.path}/space'"; false`,
        "sh",
      ],
    },
  });
}

async function failedBootstraps(world: TestWorld): Promise<void> {
  const wal = join(world.path, "wal");
  const { postgres, options } = world.instance(
    "one",
    failing(world, [`--waldir=${wal}`]),
  );
  const failed = `${options.dataDir}.failed`;
  await Deno.mkdir(failed);
  await Deno.writeTextFile(join(failed, "somebody's"), "");
  for (const number of [2, 3]) {
    await assert.rejects(postgres.data.bootstrap(NEVER), /Failed to bootstrap/);
    const path = `${failed}.${number}`;
    assert.ok(isThere(join(path, "pg_wal", "000000010000000000000001")));
    const [space = ""] = names(join(path, "pg_tblspc"));
    assert.match(names(join(path, "pg_tblspc", space))[0] ?? "", /^PG_/);
    assert.deepEqual(names(wal), []);
    assert.deepEqual(names(join(world.path, "space")), []);
  }
  // The disk does not fill: the last one, which is surely ours, makes room.
  const before = Deno.statSync(`${failed}.3`).birthtime;
  await assert.rejects(postgres.data.bootstrap(NEVER), /Failed to bootstrap/);
  assert.notDeepEqual(Deno.statSync(`${failed}.3`).birthtime, before);
  assert.ok(isThere(`${failed}.3/pg_wal/000000010000000000000001`));
  assert.deepEqual(names(failed), ["somebody's"]);
  assert.deepEqual(
    names(join(world.path, "one")).filter((name) => name.startsWith("data")),
    ["data.failed", "data.failed.2", "data.failed.3"],
  );
}

async function linkedDirectory(world: TestWorld): Promise<void> {
  const real = join(world.path, "disk", "pg");
  await Deno.mkdir(join(world.path, "disk"));
  const { postgres, options } = world.instance("one", failing(world, []));
  await Deno.symlink(real, options.dataDir);
  await assert.rejects(postgres.data.bootstrap(NEVER), /Failed to bootstrap/);
  assert.ok((await Deno.lstat(options.dataDir)).isSymlink);
  assert.ok(isThere(`${real}.failed/PG_VERSION`));
  const one = world.adopt({
    ...options,
    bootstrap: {
      method: { kind: "initdb", options: ["--no-sync"] },
      pgHba: [],
      postBootstrap: null,
    },
  });
  await one.postgres.data.bootstrap(NEVER);
  assert.equal(Deno.realPathSync(options.dataDir), real);
  await untilRole(one.postgres, "primary");
  await stop(one.postgres);
  assert.equal(await one.postgres.data.setAside(), `${real}.aside`);
  assert.ok(isThere(`${real}.aside/PG_VERSION`));
  assert.deepEqual(await one.postgres.observe(), { kind: "empty" });
}

/** A look at the running server makes the agent note its folders. */
async function untilNoted({ postgres, options }: TestInstance): Promise<void> {
  const record = join(options.dataDir, "..", ".data.matriarch-folders");
  await eventually(async () => {
    await postgres.observe();
    return await Deno.readTextFile(record).catch(() => "");
  }, (text) => /PG_\d+_/.test(text));
}

/** A primary with a WAL directory and a tablespace of its own. */
async function spacious(world: TestWorld): Promise<TestInstance> {
  const instance = world.instance("one", () => ({
    bootstrap: {
      method: {
        kind: "initdb",
        options: ["--no-sync", `--waldir=${world.path}/wal`],
      },
      pgHba: [],
      postBootstrap: null,
    },
  }));
  await instance.postgres.data.bootstrap(NEVER);
  await Deno.mkdir(join(world.path, "space"));
  await sql(
    instance.options,
    `CREATE TABLESPACE s LOCATION '${world.path}/space'`,
  );
  await sql(instance.options, "CREATE TABLE t (i int) TABLESPACE s");
  await untilNoted(instance);
  return instance;
}

async function outside(world: TestWorld): Promise<void> {
  const { postgres, options } = await spacious(world);
  const [wal, space] = [`${world.path}/wal`, `${world.path}/space`];
  await Deno.writeTextFile(join(space, "not ours"), "");
  await Deno.mkdir(join(space, "PG_9.4_201409291"));
  await stop(postgres);
  // The WAL was moved to another disk by hand: nobody saw a server run there.
  await Deno.rename(wal, `${wal}.new`);
  await Deno.remove(join(options.dataDir, "pg_wal"));
  await Deno.symlink(`${wal}.new`, join(options.dataDir, "pg_wal"));
  await postgres.data.remove();
  assert.deepEqual(await postgres.observe(), { kind: "empty" });
  assert.deepEqual(names(space), ["PG_9.4_201409291", "not ours"]);
  assert.deepEqual(names(`${wal}.new`), []);
  assert.ok(names(`${wal}.new.aside`).includes("000000010000000000000001"));
}

async function shared(world: TestWorld): Promise<void> {
  const one = await spacious(world);
  const [wal, space] = [`${world.path}/wal`, `${world.path}/space`];
  const two = world.instance("two");
  await stop(one.postgres);
  const { code } = await new Deno.Command("cp", {
    args: ["-a", one.options.dataDir, two.options.dataDir],
  }).output();
  assert.equal(code, 0);
  await one.postgres.server.start({ kind: "primary" }, 60_000, NEVER);
  await untilRole(one.postgres, "primary");
  await two.postgres.data.remove();
  assert.deepEqual(await two.postgres.observe(), { kind: "empty" });
  assert.ok(names(wal).includes("archive_status"));
  await sql(one.options, "INSERT INTO t VALUES (1)");
  const rows = await sql(one.options, "SELECT i FROM t");
  assert.deepEqual(rows.map(({ i }) => i), [1]);
  assert.equal(names(space).length, 1);
}

async function copyWithFolders(world: TestWorld): Promise<void> {
  const one = await spacious(world);
  const [wal, space] = [`${world.path}/wal2`, `${world.path}/space2`];
  const base = testContext(one.options).options.effective;
  const two = world.instance("two", () => ({
    effective: (...layers) => ({
      ...base(...layers),
      parameters: {
        ...base(...layers).parameters,
        unix_socket_directories: join(world.path, "two"),
      },
      cloneMethods: [{
        kind: "basebackup",
        options: [
          "--checkpoint=fast",
          "--no-sync",
          `--waldir=${wal}`,
          `--tablespace-mapping=${world.path}/space=${space}`,
        ],
      }],
    }),
  }));
  // A copy that fails at its end: pg_basebackup cleans only the data directory.
  const abort = new AbortController();
  const slow = new PostgresLocal({
    ...two.options,
    effective: (...layers) => {
      const all = two.options.effective(...layers);
      const [method] = all.cloneMethods;
      return {
        ...all,
        cloneMethods: [{
          kind: "basebackup",
          options: [...method?.options ?? [], "--max-rate=32k"],
        }],
      };
    },
  }, { clock: REAL_CLOCK, log: new TestLog() });
  const copy = slow.data.clone(one.peer, null, abort.signal);
  const isUnderWay = (): boolean => isThere(space) && names(space).length > 0;
  while (!isUnderWay()) await REAL_CLOCK.sleep(20);
  abort.abort();
  await assert.rejects(copy, { name: "CancelledError" });
  assert.deepEqual([names(wal), names(space)], [[], []]);

  await two.postgres.data.clone(one.peer, null, NEVER);
  const standby = { kind: "standby", upstream: one.peer } as const;
  await two.postgres.server.start(standby, 60_000, NEVER);
  await untilRole(two.postgres, "replica");
  await untilNoted(two);
  await stop(two.postgres);
  // An operator deletes the data directory alone.
  await Deno.remove(two.options.dataDir, { recursive: true });
  await two.postgres.data.clone(one.peer, null, NEVER);
  assert.match(two.log.lines.join("\n"), /was moved to .*space2\.aside/);
  assert.equal(names(`${space}.aside`).length, 1);
  assert.ok(names(`${wal}.aside`).length > 0);
  await two.postgres.server.start(standby, 60_000, NEVER);
  await untilRole(two.postgres, "replica");
}
