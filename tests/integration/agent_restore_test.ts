/**
 * A backup that was restored by hand: recovered up to its target first, or
 * refused before a file is touched. The runbook's commands are run as they stand.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { type AgentMember, PASSWORDS } from "../helpers/agent_member.ts";
import { commandLine } from "../helpers/command_line.ts";
import { pastCycles } from "../helpers/cycles.ts";
import { BIN_DIR } from "../helpers/postgres.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const RUNBOOK = new URL("../../docs/runbook.md", import.meta.url);
/** The runbook's names. */
const DATA = "/var/lib/postgresql/15/main";
const MOMENT = "2026-11-28 12:00:00+00";

unprivileged(import.meta.url, () => {
  Deno.test("a backup restored by hand", async (t) => {
    await using cluster = await AgentCluster.create({
      members: 2,
      bootstrapDcs: { loop_wait: 1 },
    });
    const backup = new Backup(cluster);
    await prepare(t, cluster, backup);
    await byTheRunbook(t, cluster, backup);
    await besideLeader(t, cluster, backup);
    await refusedAlone(t, cluster, backup);
    await actions(t, cluster, backup);
  });
});

/** A base backup without WAL, and an archive that can be held up. */
class Backup {
  readonly base: string;
  readonly archive: string;
  /** While this file is there nothing is restored from the archive. */
  readonly barrier: string;
  /** A moment between the two rows. */
  moment = "";

  constructor({ directory }: AgentCluster) {
    this.base = join(directory, "base");
    this.archive = join(directory, "archive");
    this.barrier = join(directory, "barrier");
    Deno.mkdirSync(this.archive);
  }

  get command(): string {
    return `restore_command = 'while test -e ${this.barrier}; do sleep 0.1; ` +
      `done; cp ${this.archive}/%f %p'`;
  }

  /** What an operator or a tool leaves in place of the data directory. */
  async restoreTo(
    { dataDir }: AgentMember,
    settings: readonly string[],
  ): Promise<void> {
    await Deno.remove(dataDir, { recursive: true }).catch(() => undefined);
    await shell(`cp -a ${this.base} ${dataDir}`);
    await Deno.writeTextFile(
      join(dataDir, "postgresql.auto.conf"),
      settings.map((line) => `${line}\n`).join(""),
    );
    await Deno.writeTextFile(join(dataDir, "recovery.signal"), "");
  }
}

async function shell(line: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", line],
  }).output();
  const text = new TextDecoder();
  assert.ok(success, `${line}\n${text.decode(stderr)}`);
  return text.decode(stdout);
}

async function prepare(
  t: Deno.TestContext,
  cluster: AgentCluster,
  backup: Backup,
): Promise<void> {
  const leader = cluster.member("n1");
  for (const member of cluster.members) {
    const section = sectionOf(member.config, "postgresql");
    member.config = {
      ...member.config,
      postgresql: {
        ...section,
        parameters: {
          ...sectionOf(section, "parameters"),
          archive_mode: "on",
          archive_command: `cp %p ${backup.archive}/%f`,
        },
      },
    };
  }
  await step(t, "a backup, a good row, a bad one", async () => {
    await cluster.startAll();
    const port = leader.place.postgresPort;
    await leader.sql("CREATE TABLE made (by text)");
    await shell(
      `PGPASSWORD="${PASSWORDS.replicator}" ${BIN_DIR}/pg_basebackup ` +
        `--pgdata=${backup.base} --checkpoint=fast --no-sync -X none ` +
        `--dbname='host=127.0.0.1 port=${port} user=replicator'`,
    );
    await leader.sql("INSERT INTO made VALUES ('good')");
    const [row] = await leader.sql("SELECT clock_timestamp()::text AS now");
    backup.moment = String(row?.["now"]);
    await leader.sql("SELECT pg_create_restore_point('fine')");
    await leader.sql("INSERT INTO made VALUES ('bad')");
    const [file] = await leader.sql(
      "SELECT pg_walfile_name(pg_current_wal_lsn()) AS name",
    );
    await leader.sql("SELECT pg_switch_wal()");
    const name = String(file?.["name"]);
    await cluster.until("the WAL is archived", async () => {
      const names = await Array.fromAsync(Deno.readDir(backup.archive));
      return names.some((entry) => entry.name === name);
    });
  });
}

/** The blocks of the chapter, as lists of lines. */
async function chapter(): Promise<readonly (readonly string[])[]> {
  const text = await Deno.readTextFile(RUNBOOK);
  const [, part = ""] = text.split("## Point-in-time recovery\n");
  const [own = ""] = part.split("\n## ");
  return [...own.matchAll(/```sh\n([^]*?)```/g)]
    .map(([, block = ""]) => block.trimEnd().split("\n"));
}

/** Runs a block as it stands, with this machine's names in place of the runbook's. */
async function runBlock(
  block: readonly string[],
  place: { readonly member: AgentMember; readonly backup: Backup },
): Promise<void> {
  const { member, backup } = place;
  for (const line of block) {
    if (line === "systemctl stop matriarch") await member.end();
    else if (line === "systemctl start matriarch") member.start();
    else if (line.startsWith("matriarch -c /etc/matriarch.yml ")) {
      const words = line.split(" ").slice(3)
        .map((word) => word === "main" ? "batman" : word)
        .map((word) => word === "db1" ? "n1" : word);
      const input = "batman\nYes I am aware\n";
      const { code, text } = await commandLine(member, words, { input });
      assert.equal(code, 0, `${line}\n${text}`);
    } else await shell(translated(line, member, backup));
  }
}

function translated(
  line: string,
  { place, dataDir }: AgentMember,
  { base, archive, moment }: Backup,
): string {
  const psql = `PGPASSWORD='${PASSWORDS.postgres}' ${BIN_DIR}/psql ` +
    `-p ${place.postgresPort} -h 127.0.0.1`;
  return line.replaceAll(DATA, dataDir)
    .replaceAll("/backup/base", base)
    .replaceAll("/backup/archive", archive)
    .replaceAll(MOMENT, moment)
    .replace("psql -h db1", psql);
}

async function untilLogged(
  cluster: AgentCluster,
  member: AgentMember,
  text: RegExp,
): Promise<void> {
  await cluster.until(
    `${member.name} logged ${text}`,
    () => Promise.resolve(text.test(member.log())),
  );
}

async function rowsOf(member: AgentMember): Promise<readonly unknown[]> {
  const rows = await member.sql("SELECT by FROM made ORDER BY 1");
  return rows.map((row) => row["by"]);
}

async function byTheRunbook(
  t: Deno.TestContext,
  cluster: AgentCluster,
  backup: Backup,
): Promise<void> {
  const [first, second] = [cluster.member("n1"), cluster.member("n2")];
  const [stop = [], restore = [], look = [], others = []] = await chapter();
  await step(t, "the runbook: all stop, the keys go", async () => {
    await second.end();
    await runBlock(stop, { member: first, backup });
    assert.deepEqual(await cluster.keys(), {});
  });
  await step(t, "the runbook: it pauses at the target", async () => {
    await runBlock(restore, { member: first, backup });
    await untilLogged(
      cluster,
      first,
      /the recovery pauses at recovery_target_time = 20/,
    );
    assert.deepEqual(await rowsOf(first), ["good"]);
    await assert.rejects(first.sql("INSERT INTO made VALUES ('x')"));
    await pastCycles(cluster, first);
    assert.equal((await cluster.keys())["leader"], undefined);
  });
  await step(t, "an agent that is killed there changes nothing", async () => {
    await first.end("SIGKILL");
    const seen = first.log().length;
    first.start();
    await cluster.until(
      "the new agent waits as well",
      () =>
        Promise.resolve(
          first.log().slice(seen).includes("the recovery pauses at"),
        ),
    );
    await assert.rejects(first.sql("INSERT INTO made VALUES ('x')"));
  });
  await step(t, "the runbook: it leads when it is named", async () => {
    await runBlock(look, { member: first, backup });
    await cluster.untilLeader(["n1"]);
    assert.deepEqual(await rowsOf(first), ["good"]);
  });
  await step(t, "the runbook: the others follow", async () => {
    await runBlock(others, { member: second, backup });
    await cluster.untilWhole();
    assert.deepEqual(await rowsOf(second), ["good"]);
  });
}

/** Names, times and contents that an operator would care about. */
async function fingerprint({ dataDir }: AgentMember): Promise<string> {
  return await shell(
    `cd ${dataDir} && stat -c '%n %Y %s' * && cat postgresql.auto.conf`,
  );
}

async function besideLeader(
  t: Deno.TestContext,
  cluster: AgentCluster,
  backup: Backup,
): Promise<void> {
  const member = cluster.member("n2");
  await step(t, "beside a leader a target is refused", async () => {
    await member.end();
    await backup.restoreTo(member, [
      backup.command,
      "recovery_target_name = 'fine'",
    ]);
    const before = await fingerprint(member);
    member.start();
    await untilLogged(
      cluster,
      member,
      /not starting the restored backup.*: n1 leads.*recovery_target_name = fine/,
    );
    await pastCycles(cluster, member);
    assert.equal(member.postmasterPid(), null);
    assert.equal(await fingerprint(member), before);
  });
  await step(t, "without target it becomes a replica", async () => {
    await Deno.writeTextFile(
      join(member.dataDir, "postgresql.auto.conf"),
      `${backup.command}\n`,
    );
    await cluster.untilWhole();
    assert.deepEqual(await rowsOf(member), ["good"]);
    const [row] = await member.sql("SHOW recovery_target_name");
    assert.equal(row?.["recovery_target_name"], "");
  });
}

/** Everything stops, and the store forgets the scope. */
async function startOver(cluster: AgentCluster): Promise<void> {
  for (const member of cluster.members) await member.end().catch(() => {});
  const { code, text } = await commandLine(
    cluster.member("n1"),
    ["remove", "batman"],
    { input: "batman\nYes I am aware\n" },
  );
  assert.equal(code, 0, text);
}

async function refusedAlone(
  t: Deno.TestContext,
  cluster: AgentCluster,
  backup: Backup,
): Promise<void> {
  const member = cluster.member("n1");
  await step(t, "a target without restore_command is refused", async () => {
    await startOver(cluster);
    await backup.restoreTo(member, ["recovery_target = 'immediate'"]);
    const before = await fingerprint(member);
    member.start();
    await untilLogged(cluster, member, /nothing was touched: .*no restore_c/);
    assert.equal(await fingerprint(member), before);
  });
  await step(t, "a target beyond the WAL is told and kept", async () => {
    const path = join(member.dataDir, "postgresql.auto.conf");
    await Deno.writeTextFile(
      path,
      `${backup.command}\nrecovery_target_name = 'never'\n`,
    );
    await untilLogged(
      cluster,
      member,
      /did not reach recovery_target_name = never/,
    );
    assert.match(await Deno.readTextFile(path), /never/);
    assert.equal((await cluster.keys())["leader"], undefined);
  });
}

async function actions(
  t: Deno.TestContext,
  cluster: AgentCluster,
  backup: Backup,
): Promise<void> {
  const member = cluster.member("n1");
  await step(t, "shutdown leaves it down", async () => {
    await startOver(cluster);
    await backup.restoreTo(member, [
      backup.command,
      "recovery_target_name = 'fine'",
      "recovery_target_action = 'shutdown'",
    ]);
    member.start();
    await untilLogged(
      cluster,
      member,
      /the recovery ended at recovery_target_name = fine/,
    );
    await pastCycles(cluster, member);
    assert.equal(member.postmasterPid(), null);
    assert.match(member.log(), /recovery stopping at restore point "fine"/);
  });
  await step(t, "promote survives an agent that dies on the way", async () => {
    const path = join(member.dataDir, "postgresql.auto.conf");
    await member.end();
    await Deno.writeTextFile(backup.barrier, "");
    await backup.restoreTo(member, [
      backup.command,
      "recovery_target_name = 'fine'",
      "recovery_target_action = 'promote'",
      "recovery_target_timeline = '1'",
    ]);
    member.start();
    await cluster.until(
      "PostgreSQL waits for the archive",
      () => Promise.resolve(member.postmasterPid() !== null),
    );
    await member.end("SIGKILL");
    member.start();
    await Deno.remove(backup.barrier);
    await cluster.untilLeader(["n1"]);
    assert.deepEqual(await rowsOf(member), ["good"]);
    assert.doesNotMatch(await Deno.readTextFile(path), /^re/m);
    const rules = await Deno.readTextFile(join(member.dataDir, "pg_hba.conf"));
    assert.doesNotMatch(rules, /reject/);
  });
  await step(t, "without target and leader all of the WAL counts", async () => {
    await startOver(cluster);
    await backup.restoreTo(member, [
      backup.command,
      "recovery_target_timeline = 'latest'",
    ]);
    member.start();
    await cluster.untilLeader(["n1"]);
    assert.deepEqual(await rowsOf(member), ["good"]);
  });
}
