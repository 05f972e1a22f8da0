/**
 * How members come by their data: copies by configured programs and from other
 * members, existing directories, and a scope restored from its archive to a
 * point in time.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import {
  type AgentMember,
  PASSWORDS,
  type Section,
} from "../helpers/agent_member.ts";
import { pastCycles } from "../helpers/cycles.ts";
import { BIN_DIR } from "../helpers/postgres.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test("joining a scope", async (t) => {
    await using cluster = await AgentCluster.create({
      bootstrapDcs: { loop_wait: 1 },
    });
    const backups = new Backups(cluster.directory);
    await firstMember(t, cluster, backups);
    await byPrograms(t, cluster);
    await fromMember(t, cluster);
    await again(t, cluster);
    await existing(t, cluster, backups);
    await withoutLeader(t, cluster, backups);
    await restored(t, cluster, backups);
    await keptRecovery(t, cluster, backups);
  });
});

/** Programs that operators would write, and what they leave. */
class Backups {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
    Deno.mkdirSync(join(directory, "archive"));
  }

  get archive(): string {
    return join(this.directory, "archive");
  }

  get base(): string {
    return join(this.directory, "base");
  }

  get restoreCommand(): string {
    return `cp ${this.archive}/%f %p`;
  }

  /** An executable that notes its arguments before it does its work. */
  script(name: string, body: string): string {
    const path = join(this.directory, name);
    Deno.writeTextFileSync(
      path,
      `#!/bin/sh\nprintf '%s\\n' "$@" >${path}.args\n` +
        'for a in "$@"; do case $a in --datadir=*) dir=${a#*=};; ' +
        "--connstring=*) conn=${a#*=};; esac; done\n" +
        `set -e\n${body}\n`,
    );
    Deno.chmodSync(path, 0o755);
    return path;
  }

  argumentsOf(name: string): readonly string[] {
    const path = join(this.directory, `${name}.args`);
    return Deno.readTextFileSync(path).trimEnd().split("\n");
  }
}

async function firstMember(
  t: Deno.TestContext,
  cluster: AgentCluster,
  backups: Backups,
): Promise<void> {
  const leader = cluster.member("n1");
  const script = backups.script(
    "post_bootstrap",
    `${BIN_DIR}/psql -d "$2" -qc "CREATE TABLE made (by text)"`,
  );
  configure(leader, "bootstrap", { post_bootstrap: `${script} 'two words'` });
  configureAll(cluster, "postgresql", {
    parameters: {
      ...sectionOf(sectionOf(leader.config, "postgresql"), "parameters"),
      archive_mode: "on",
      archive_command: `cp %p ${backups.archive}/%f`,
    },
  });
  await step(t, "post_bootstrap gets a connection string", async () => {
    leader.start();
    await cluster.untilLeader(["n1"]);
    const [words, conninfo] = backups.argumentsOf("post_bootstrap");
    assert.equal(words, "two words");
    assert.match(conninfo ?? "", /^dbname=postgres user=postgres host=/);
    assert.doesNotMatch(conninfo ?? "", /password/);
    assert.equal((await leader.sql("SELECT FROM made")).length, 0);
  });
  await step(t, "a backup is taken, and a point to go back to", async () => {
    await leader.sql("INSERT INTO made VALUES ('before')");
    await runTool("pg_basebackup", [
      `--pgdata=${backups.base}`,
      "--checkpoint=fast",
      "--no-sync",
      "-X",
      "none",
      `--dbname=host=127.0.0.1 port=${leader.place.postgresPort} user=replicator`,
    ]);
    await leader.sql("SELECT pg_create_restore_point('good')");
    await leader.sql("INSERT INTO made VALUES ('after')");
    const [row] = await leader.sql(
      "SELECT pg_walfile_name(pg_current_wal_lsn()) AS name",
    );
    await leader.sql("SELECT pg_switch_wal()");
    await cluster.until(
      "the WAL is archived",
      () => exists(join(backups.archive, String(row?.["name"]))),
    );
  });
}

async function byPrograms(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const member = cluster.member("n2");
  const tools = new Scripts(cluster.directory);
  configure(member, "postgresql", {
    create_replica_methods: ["broken", "copy", "basebackup"],
    broken: { command: tools.broken("broken") },
    copy: {
      command: `${tools.copy("copy")} first`,
      keep_data: true,
      level: 3,
      verbose: true,
    },
  });
  await step(t, "programs are tried in order, with their keys", async () => {
    member.start();
    await untilStreams(cluster, member);
    assert.match(member.log(), /Cannot create the replica: .*exited with 3/);
    const { dataDir } = member;
    assert.deepEqual(tools.argumentsOf("copy").slice(0, -1), [
      "first",
      "--keep_data=True",
      "--level=3",
      "--verbose=True",
      "--scope=batman",
      "--role=replica",
      `--datadir=${dataDir}`,
    ]);
    const conn = tools.argumentsOf("copy").at(-1) ?? "";
    const port = cluster.member("n1").place.postgresPort;
    assert.match(conn, /^--connstring=dbname=postgres user=replicator /);
    assert.match(conn, new RegExp(`host=127.0.0.1 port=${port}`));
    assert.doesNotMatch(conn, /password=/);
    assert.equal(await exists(join(dataDir, "rubbish")), false);
  });
}

async function fromMember(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const [source, member] = [cluster.member("n2"), cluster.member("n3")];
  await step(t, "a member that offers itself is copied", async () => {
    source.config = { ...source.config, tags: { clonefrom: true } };
    await reload(cluster, source);
    await cluster.until(
      "the offer is published",
      async () =>
        /"clonefrom":true/.test((await cluster.keys())["members/n2"] ?? ""),
    );
    // Options as a map; a list is what all other members have.
    configure(member, "postgresql", {
      basebackup: { checkpoint: "fast", "max-rate": "100M" },
    });
    member.start();
    await cluster.untilWhole();
    assert.match(member.log(), /trying to bootstrap from 'n2'/);
  });
}

async function again(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const member = cluster.member("n3");
  const tools = new Scripts(cluster.directory);
  await step(
    t,
    "a clone that fails is repeated and leaves nothing",
    async () => {
      configure(member, "postgresql", {
        create_replica_methods: ["hopeless"],
        hopeless: { command: tools.broken("hopeless"), keep_data: 1 },
      });
      await reload(cluster, member);
      const { status, text } = await member.rest("/reinitialize", {
        method: "POST",
      });
      assert.equal(status, 200, text);
      await cluster.until(
        "the next clone is paused for",
        () => Promise.resolve(/before clone is tried again/.test(member.log())),
      );
      await cluster.until("nothing is left", () => isEmpty(member.dataDir));
      configure(member, "postgresql", {
        create_replica_methods: ["basebackup"],
      });
      await reload(cluster, member);
      await cluster.untilWhole();
    },
  );
  await step(t, "keep_data finds the old data in a reinitialize", async () => {
    await Deno.writeTextFile(join(member.dataDir, "kept"), "");
    configure(member, "postgresql", {
      create_replica_methods: ["refresh"],
      refresh: {
        command: tools.script(
          "refresh",
          `test -e "$dir/kept"; rm -rf "$dir".new; ${tools.basebackup} ` +
            '--pgdata="$dir.new" --dbname="$conn"; rm -rf "$dir"; ' +
            'mv "$dir.new" "$dir"; : >"$dir/refreshed"',
        ),
        keep_data: true,
        no_params: false,
      },
    });
    await reload(cluster, member);
    await member.rest("/reinitialize", { method: "POST" });
    await cluster.until(
      "the program has made the data",
      () => exists(join(member.dataDir, "refreshed")),
    );
    await cluster.untilWhole();
  });
  await step(t, "from-leader uses pg_basebackup all the same", async () => {
    const { status, text } = await member.rest("/reinitialize", {
      method: "POST",
      body: { from_leader: true },
    });
    assert.equal(status, 200, text);
    await cluster.until(
      "the program's data is gone",
      async () => !await exists(join(member.dataDir, "refreshed")),
    );
    await cluster.untilWhole();
    assert.match(member.log(), /reinitializing from n1/);
  });
}

async function existing(
  t: Deno.TestContext,
  cluster: AgentCluster,
  backups: Backups,
): Promise<void> {
  const member = cluster.member("n3");
  await step(t, "a directory that is there already is used", async () => {
    await member.end();
    await Deno.remove(member.dataDir, { recursive: true });
    await copyTree(backups.base, member.dataDir);
    // The leader may have thrown away what this old copy needs.
    configure(member, "postgresql", {
      recovery_conf: { restore_command: backups.restoreCommand },
    });
    const clones = () => member.log().match(/trying to bootstrap/g)?.length;
    const before = clones();
    member.start();
    await cluster.untilWhole();
    assert.equal(clones(), before);
    const rows = await member.sql("SELECT by FROM made");
    assert.equal(rows.length, 2);
  });
  await step(t, "one of another scope is not", async () => {
    await member.end();
    await Deno.remove(member.dataDir, { recursive: true });
    await runTool("initdb", [
      `--pgdata=${member.dataDir}`,
      "--no-sync",
      "--auth=trust",
    ]);
    member.start();
    const { code } = await member.ended();
    assert.notEqual(code, 0);
    assert.match(member.log(), /belongs to a different cluster/);
    assert.ok(await exists(join(member.dataDir, "PG_VERSION")));
    await Deno.remove(member.dataDir, { recursive: true });
  });
}

async function withoutLeader(
  t: Deno.TestContext,
  cluster: AgentCluster,
  backups: Backups,
): Promise<void> {
  const member = cluster.member("n3");
  await step(t, "a restore needs no leader", async () => {
    for (const name of ["n1", "n2"]) await cluster.member(name).end();
    configure(member, "postgresql", {
      create_replica_methods: ["basebackup", "restore"],
      restore: {
        command: backups.script(
          "restore",
          `cp -r ${backups.base} "$dir"; chmod 755 "$dir"`,
        ),
        no_leader: true,
        no_params: true,
        datadir: member.dataDir,
      },
    });
    member.start();
    await cluster.until("the restored member has all rows", async () => {
      const rows = await member.sql("SELECT by FROM made ORDER BY 1");
      return rows.length === 2;
    });
    assert.match(member.log(), /trying to bootstrap \(without leader\)/);
    assert.deepEqual(backups.argumentsOf("restore"), [
      `--datadir=${member.dataDir}`,
    ]);
    await member.end();
  });
}

async function restored(
  t: Deno.TestContext,
  cluster: AgentCluster,
  backups: Backups,
): Promise<void> {
  const member = cluster.member("n1");
  const restore = (name: string, recovery: Section): void => {
    configure(member, "bootstrap", {
      method: name,
      [name]: {
        command: backups.script(
          name,
          `cp -r ${backups.base} "$dir"; chmod 755 "$dir"`,
        ),
        source: "archive",
        recovery_conf: {
          restore_command: backups.restoreCommand,
          recovery_target_action: "pause",
          ...recovery,
        },
      },
      post_bootstrap: backups.script(
        "post_restore",
        `${BIN_DIR}/psql -d "$1" -qc "INSERT INTO made VALUES ('restored')"`,
      ),
    });
  };
  await step(t, "a restore that fails leaves no scope", async () => {
    await wipe(cluster);
    restore("impossible", {
      restore_command: "false",
      recovery_target_name: "good",
    });
    member.start();
    const { code } = await member.ended();
    assert.notEqual(code, 0);
    assert.equal((await cluster.keys())["initialize"], undefined);
    assert.ok(await isEmpty(member.dataDir));
    assert.ok(await exists(`${member.dataDir}.failed`));
  });
  await step(t, "a scope is restored to a point in time", async () => {
    restore("pitr", { recovery_target_name: "good" });
    member.start();
    await cluster.untilLeader(["n1"]);
    assert.deepEqual(backups.argumentsOf("pitr"), [
      "--scope=batman",
      `--datadir=${member.dataDir}`,
      "--source=archive",
    ]);
    assert.match(member.log(), /recovery_target_action pause is ignored/);
    const rows = await member.sql("SELECT by FROM made ORDER BY 1");
    assert.deepEqual(rows.map((row) => row["by"]), ["before", "restored"]);
    const [row] = await member.sql("SHOW hot_standby");
    assert.equal(row?.["hot_standby"], "on");
    const timeline = Number((await member.status())?.["timeline"]);
    assert.ok(timeline > 1, `a new line of history, not ${timeline}`);
  });
  await step(t, "and members join it", async () => {
    const other = cluster.member("n2");
    configure(other, "postgresql", { create_replica_methods: ["basebackup"] });
    other.start();
    await untilStreams(cluster, other);
    assert.equal((await other.sql("SELECT FROM made")).length, 2);
  });
}

async function keptRecovery(
  t: Deno.TestContext,
  cluster: AgentCluster,
  backups: Backups,
): Promise<void> {
  const member = cluster.member("n1");
  await step(t, "a restore program's recovery settings are kept", async () => {
    for (const name of ["n1", "n2"]) await cluster.member(name).end();
    await wipe(cluster);
    const program = backups.script(
      "tool",
      `cp -r ${backups.base} "$2"; : >"$2/recovery.signal"
cat >>"$2/postgresql.auto.conf" <<END
restore_command = '${backups.restoreCommand}'
recovery_target_name = 'good'
END`,
    );
    configure(member, "bootstrap", {
      method: "tool",
      tool: {
        command: `${program} -- ${member.dataDir}`,
        keep_existing_recovery_conf: true,
        no_params: true,
        to: member.dataDir,
      },
      post_bootstrap: null,
    });
    member.start();
    await cluster.untilLeader(["n1"]);
    assert.deepEqual(backups.argumentsOf("tool"), [
      "--",
      member.dataDir,
      `--to=${member.dataDir}`,
    ]);
    const rows = await member.sql("SELECT by FROM made ORDER BY 1");
    assert.deepEqual(rows.map((row) => row["by"]), ["before"]);
    const auto = join(member.dataDir, "postgresql.auto.conf");
    assert.doesNotMatch(await Deno.readTextFile(auto), /^restore_command/m);
  });
}

/** Programs that clone. */
class Scripts extends Backups {
  constructor(directory: string) {
    super(Deno.makeTempDirSync({ dir: directory }));
  }

  get basebackup(): string {
    return `${BIN_DIR}/pg_basebackup --checkpoint=fast --no-sync`;
  }

  copy(name: string): string {
    return this.script(
      name,
      `test ! -e "$dir/rubbish"; ${this.basebackup} --pgdata="$dir" --dbname="$conn"`,
    );
  }

  broken(name: string): string {
    return this.script(
      name,
      'mkdir -p "$dir/global"; : >"$dir/rubbish"; : >"$dir/global/pg_control"; exit 3',
    );
  }
}

function configure(
  member: AgentMember,
  section: string,
  changes: Section,
): void {
  const old = sectionOf(member.config, section);
  member.config = { ...member.config, [section]: { ...old, ...changes } };
}

function configureAll(
  cluster: AgentCluster,
  section: string,
  changes: Section,
): void {
  for (const member of cluster.members) configure(member, section, changes);
}

/** The new configuration is in force. */
async function reload(
  cluster: AgentCluster,
  member: AgentMember,
): Promise<void> {
  member.writeConfig();
  const { status, text } = await member.rest("/reload", { method: "POST" });
  assert.equal(status, 202, text);
  await pastCycles(cluster, member);
}

async function untilStreams(
  cluster: AgentCluster,
  member: AgentMember,
): Promise<void> {
  await cluster.until(
    `${member.name} streams`,
    async () => (await member.status())?.["replication_state"] === "streaming",
  );
}

/** The store forgets the scope, and n1 and n2 their data. */
async function wipe(cluster: AgentCluster): Promise<void> {
  const keys = Object.keys(await cluster.keys());
  await cluster.withDcs(async (dcs) => {
    for (const key of keys) {
      const edits = [{ kind: "delete", key }] as const;
      await dcs.write({ when: [], edits }, { timeoutMs: 5_000 });
    }
  });
  for (const name of ["n1", "n2"]) {
    await Deno.remove(cluster.member(name).dataDir, { recursive: true });
  }
}

async function runTool(
  name: string,
  args: readonly string[],
): Promise<void> {
  await runOrFail(`${BIN_DIR}/${name}`, args);
}

async function copyTree(from: string, to: string): Promise<void> {
  await runOrFail("cp", ["-r", from, to]);
  await Deno.chmod(to, 0o700);
}

async function runOrFail(
  program: string,
  args: readonly string[],
): Promise<void> {
  const { code, stderr } = await new Deno.Command(program, {
    args: [...args],
    env: { PGPASSWORD: PASSWORDS.replicator },
    stdout: "null",
    stderr: "piped",
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch {
    return false;
  }
}

async function isEmpty(path: string): Promise<boolean> {
  try {
    return (await Array.fromAsync(Deno.readDir(path))).length === 0;
  } catch {
    return true;
  }
}
