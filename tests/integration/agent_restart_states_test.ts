/**
 * An agent is killed in the middle of its work and started again: while it
 * copies, while it rewinds, and as standby leader. What it had started is ended
 * before anything else is done to the data directory, nothing half-made is ever
 * started, and the only copy of the data is never thrown away.
 */
import assert from "node:assert/strict";
import { basename, relative } from "node:path";
import { MARK_INSIDE } from "../../lib/adapters/postgres/directory/fill_marks.ts";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember, Section } from "../helpers/agent_member.ts";
import { pastCycles } from "../helpers/cycles.ts";
import {
  commandLine,
  isAlive,
  pidsWith,
  signalTo,
} from "../helpers/own_processes.ts";
import { BIN_DIR } from "../helpers/postgres.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test("an agent is killed while it copies", async (t) => {
    await using cluster = await AgentCluster.create();
    cluster.member("n1").start();
    await cluster.untilLeader(["n1"]);
    await cluster.member("n1").sql(
      "CREATE TABLE t AS SELECT generate_series(1, 1000) AS id",
    );
    await builtInCopy(t, cluster);
    await ownProgram(t, cluster);
  });

  Deno.test("an agent is killed while it rewinds", async (t) => {
    await using cluster = await AgentCluster.create({ members: 2 });
    const endless = new Endless(`${cluster.directory}/pg_rewind`);
    for (const member of cluster.members) {
      configure(member, { bin_name: { pg_rewind: endless.binName } });
    }
    await cluster.startAll();
    await cluster.member("n1").sql("CREATE TABLE t (id int)");
    await rewind(t, cluster, endless);
    await rewindOfTheLast(t, cluster, endless);
  });

  Deno.test("the agent of a standby leader is killed", async (t) => {
    await using site = await AgentCluster.running({ members: 1 });
    const source = site.member("n1");
    const { postgresPort: port } = source.place;
    await using away = await AgentCluster.create({
      members: 2,
      bootstrapDcs: { standby_cluster: { host: "127.0.0.1", port } },
    });
    await standbyLeader(t, { source, away });
  });
});

/** Replaces keys of a member's section "postgresql". */
function configure(member: AgentMember, section: Section): void {
  member.config = {
    ...member.config,
    postgresql: { ...sectionOf(member.config, "postgresql"), ...section },
  };
}

/** A program that notes its process ids and never ends by itself. */
class Endless {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    // Asked what it can do, it is PostgreSQL's own.
    const real = `${BIN_DIR}/${basename(path)}`;
    writeProgram(
      path,
      `case $1 in --*) exec ${real} "$@";; esac\n` +
        `echo $$ >>${path}.pids\nwhile :; do sleep 0.1; done`,
    );
  }

  /** Its name as `bin_name` has it. */
  get binName(): string {
    return relative(BIN_DIR, this.#path);
  }

  /** All that ran since {@link forget}, the first first. */
  pids(): readonly number[] {
    try {
      const text = Deno.readTextFileSync(`${this.#path}.pids`);
      return text.trim().split("\n").map(Number);
    } catch {
      return [];
    }
  }

  forget(): void {
    Deno.removeSync(`${this.#path}.pids`);
  }
}

function writeProgram(path: string, body: string): void {
  Deno.writeTextFileSync(path, `#!/bin/sh\n${body}\n`);
  Deno.chmodSync(path, 0o755);
}

/** Nothing says any more that the directory is unfinished. */
function assertFinished(member: AgentMember): void {
  const names = [...Deno.readDirSync(member.place.directory)]
    .concat([...Deno.readDirSync(member.dataDir)]).map(({ name }) => name);
  assert.deepEqual(
    names.filter((name) => /incomplete|unfinished|aside|half|new/.test(name)),
    [],
  );
}

async function idsOf(member: AgentMember): Promise<readonly unknown[]> {
  const rows = await member.sql("SELECT id FROM t ORDER BY 1");
  return rows.map(({ id }) => id);
}

/** Copies into the member's directory that run now. */
function copiesOf({ dataDir }: AgentMember): readonly number[] {
  return pidsWith(`--pgdata=${dataDir} `).filter((pid) =>
    commandLine(pid).includes("pg_basebackup")
  );
}

async function builtInCopy(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const member = cluster.member("n2");
  await step(t, "pg_basebackup outlives its agent, not the next", async () => {
    const { basebackup } = sectionOf(member.config, "postgresql");
    // As slow as it can be: it would take many minutes.
    configure(member, {
      basebackup: [{ checkpoint: "fast" }, "no-sync", { "max-rate": "32k" }],
    });
    member.start();
    const first = await cluster.until("a copy is under way", () => {
      const pids = copiesOf(member);
      return Promise.resolve(
        pids.length > 0 && hasFile(member, MARK_INSIDE) ? pids : null,
      );
    });
    await member.end("SIGKILL");
    assert.ok(first.some(isAlive), "the copy goes on without its agent");
    configure(member, { basebackup });
    member.start();
    await cluster.until("another copy is made, or has been", () => {
      const isNext = copiesOf(member).some((pid) => !first.includes(pid)) ||
        member.postmasterPid() !== null;
      if (isNext) assert.ok(!first.some(isAlive), "never two at a time");
      return Promise.resolve(isNext);
    });
    await untilStreams(cluster, member);
    assert.match(member.log(), /removing the data directory: half_made/);
    assert.equal((await idsOf(member)).length, 1000);
    assertFinished(member);
  });
}

async function ownProgram(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const member = cluster.member("n3");
  const program = `${cluster.directory}/slow`;
  const writer = `${cluster.directory}/writer`;
  const pids = (): readonly number[] => pidsWith(writer);
  await step(t, "what a dead program left behind is ended too", async () => {
    writeProgram(
      writer,
      'while :; do mkdir -p "$1"; echo >>"$1/half"; sleep 0.05; done',
    );
    writeProgram(
      program,
      'for a in "$@"; do case $a in --datadir=*) d=${a#*=};; esac; done\n' +
        `${writer} "$d" & wait`,
    );
    configure(member, {
      create_replica_methods: ["slow"],
      slow: { command: program },
    });
    member.start();
    await cluster.until(
      "the program writes",
      () => Promise.resolve(hasFile(member, MARK_INSIDE)),
    );
    const slow = pidsWith(program);
    await member.end("SIGKILL");
    for (const pid of slow) signalTo(pid, "SIGKILL");
    // Two, while it forks.
    assert.ok(pids().length > 0, "its child goes on");
    configure(member, { create_replica_methods: ["basebackup"] });
    member.start();
    await cluster.untilWhole();
    assert.deepEqual(pids(), []);
    assert.equal((await idsOf(member)).length, 1000);
    assertFinished(member);
  });
}

function hasFile({ dataDir }: AgentMember, name: string): boolean {
  try {
    return Deno.statSync(`${dataDir}/${name}`) !== null;
  } catch {
    return false;
  }
}

async function untilStreams(
  cluster: AgentCluster,
  { name }: AgentMember,
): Promise<void> {
  await cluster.until(`${name} streams`, async () => {
    const list = await cluster.list();
    return list.some((seen) =>
      seen.name === name && seen.state === "streaming"
    );
  });
}

/** The leader writes what nobody gets, and is lost; the other one leads. */
async function diverge(
  cluster: AgentCluster,
  id: number,
): Promise<{ readonly old: AgentMember; readonly leader: AgentMember }> {
  const old = await cluster.untilWhole();
  const senders = await old.freezeReplication();
  await old.sql(`INSERT INTO t VALUES (${id})`);
  await old.killAll();
  for (const pid of senders) signalTo(pid, "SIGKILL");
  await cluster.expireLeader();
  const others = cluster.others(old.name).map(({ name }) => name);
  return { old, leader: await cluster.untilLeader(others) };
}

/** pg_rewind runs, and its agent is gone. */
async function killWhileRewinding(
  cluster: AgentCluster,
  old: AgentMember,
  endless: Endless,
): Promise<number> {
  old.start();
  const pid = await cluster.until(
    "pg_rewind runs",
    () => Promise.resolve(endless.pids()[0] ?? null),
  );
  await old.end("SIGKILL");
  assert.ok(isAlive(pid), "pg_rewind goes on without its agent");
  return pid;
}

async function rewind(
  t: Deno.TestContext,
  cluster: AgentCluster,
  endless: Endless,
): Promise<void> {
  await step(t, "what pg_rewind left is copied anew", async () => {
    const { old, leader } = await diverge(cluster, -1);
    await leader.sql("INSERT INTO t VALUES (1)");
    const pid = await killWhileRewinding(cluster, old, endless);
    old.start();
    assert.equal((await cluster.untilWhole()).name, leader.name);
    assert.ok(!isAlive(pid), "the first pg_rewind was ended");
    assert.equal(endless.pids().length, 1, "no other ran beside it");
    assert.match(old.log(), /trying to bootstrap from/);
    assert.deepEqual(await idsOf(old), [1]);
    assertFinished(old);
  });
}

async function rewindOfTheLast(
  t: Deno.TestContext,
  cluster: AgentCluster,
  endless: Endless,
): Promise<void> {
  await step(t, "not while there is nobody to copy from", async () => {
    endless.forget();
    const { old, leader } = await diverge(cluster, -2);
    const pid = await killWhileRewinding(cluster, old, endless);
    await leader.killAll();
    await cluster.expireLeader();
    old.start();
    await cluster.until(
      "its agent says what it found",
      () => Promise.resolve(/half_rewound/.test(old.log())),
    );
    await pastCycles(cluster, old);
    assert.ok(hasFile(old, "global/pg_control"), "its data is still there");
    assert.equal(old.postmasterPid(), null, "but it is not started");
    assert.equal((await cluster.keys())["leader"], undefined);
    leader.start();
    assert.equal((await cluster.untilWhole()).name, leader.name);
    assert.ok(!isAlive(pid));
    assert.deepEqual(await idsOf(old), [1]);
    assertFinished(old);
  });
}

async function standbyLeader(
  t: Deno.TestContext,
  { source, away }: {
    readonly source: AgentMember;
    readonly away: AgentCluster;
  },
): Promise<void> {
  const leader = away.member("n1");
  await step(t, "it goes on with the same server", async () => {
    leader.start();
    await untilStandby(away, 1);
    away.member("n2").start();
    await untilStandby(away, 2);
    const postmaster = leader.postmasterPid();
    assert.notEqual(postmaster, null);
    await source.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
    await leader.end("SIGKILL");
    await source.sql("INSERT INTO t VALUES (2)");
    const before = leader.log().length;
    leader.start();
    await away.until(
      "the new agent leads",
      () =>
        Promise.resolve(
          leader.log().slice(before).includes("the standby leader with the"),
        ),
    );
    await untilStandby(away, 2);
    assert.equal(leader.postmasterPid(), postmaster);
    await source.sql("INSERT INTO t VALUES (3)");
    for (const member of away.members) {
      await away.until(
        `${member.name} has all rows`,
        async () => (await idsOf(member)).join() === "1,2,3",
      );
      assert.doesNotMatch(
        member.log().slice(member === leader ? before : 0),
        /running pg_rewind|promoted self|Demoting/,
      );
    }
  });
}

/** n1 is standby leader, and all that are listed stream. */
async function untilStandby(
  cluster: AgentCluster,
  count: number,
): Promise<void> {
  await cluster.until("the standby cluster is whole", async () => {
    const list = await cluster.list();
    return list.length === count &&
      list.every(({ state }) => state === "streaming") &&
      list.some(({ name, role }) => name === "n1" && role === "standby_leader");
  });
}
