/**
 * Real pgBackRest and real Barman: they copy a replica, fill a data directory by
 * hand as the runbook says, and begin a cluster at a point in time.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { commandLine } from "../helpers/command_line.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { BARMAN, barman } from "./backup_barman.ts";
import { PGBACKREST, pgBackRest } from "./backup_pgbackrest.ts";
import {
  type BackupTool,
  missing,
  type Program,
  shell,
} from "./backup_tool.ts";

unprivileged(import.meta.url, () => {
  register("pgBackRest", PGBACKREST, pgBackRest);
  register("Barman", BARMAN, barman);
});

function register(
  name: string,
  programs: readonly Program[],
  setUp: (cluster: AgentCluster) => Promise<BackupTool>,
): void {
  const reason = missing(programs);
  const full = reason === null ? name : `${name}: ${reason}`;
  Deno.test({ name: full, ignore: reason !== null }, async (t) => {
    await using cluster = await AgentCluster.create({
      members: 2,
      bootstrapDcs: { loop_wait: 1 },
    });
    const tool = await setUp(cluster);
    for (const member of cluster.members) await configure(member, tool);
    await new Restores(t, cluster, tool).run();
  });
}

/** Archives by the tool, and copies by nothing else. */
async function configure(member: AgentMember, tool: BackupTool): Promise<void> {
  const section = sectionOf(member.config, "postgresql");
  member.environment = tool.environment;
  member.config = {
    ...member.config,
    postgresql: {
      ...section,
      create_replica_methods: [tool.name],
      [tool.name]: {
        command: await tool.restore(member, null),
        no_params: true,
      },
      recovery_conf: tool.recoveryConf,
      parameters: {
        ...sectionOf(section, "parameters"),
        archive_mode: "on",
        archive_command: tool.archiveCommand(member),
      },
    },
  };
}

/** One test: its steps build on each other. */
class Restores {
  readonly #t: Deno.TestContext;
  readonly #cluster: AgentCluster;
  readonly #tool: BackupTool;
  readonly #first: AgentMember;
  readonly #second: AgentMember;
  /** Between the good row and the bad one. */
  #moment = "";

  constructor(t: Deno.TestContext, cluster: AgentCluster, tool: BackupTool) {
    this.#t = t;
    this.#cluster = cluster;
    this.#tool = tool;
    this.#first = cluster.member("n1");
    this.#second = cluster.member("n2");
  }

  async run(): Promise<void> {
    await this.#step("a backup, a good row, a bad one", () => this.#prepare());
    await this.#step("it copies a replica", () => this.#clone());
    await this.#step("restored by hand beside a leader", () => this.#join());
    await this.#step("restored by hand to a moment", () => this.#goBack());
    await this.#step("a cluster begins at a moment", () => this.#bootstrap());
  }

  #step(name: string, body: () => Promise<void>): Promise<void> {
    return step(this.#t, name, body);
  }

  async #prepare(): Promise<void> {
    const leader = this.#first;
    leader.start();
    await this.#cluster.untilLeader(["n1"]);
    await leader.sql("CREATE TABLE made (by text)");
    await this.#tool.backUp(leader);
    await leader.sql("INSERT INTO made VALUES ('good')");
    const [now] = await leader.sql("SELECT clock_timestamp()::text AS now");
    this.#moment = String(now?.["now"]);
    await leader.sql("INSERT INTO made VALUES ('bad')");
    const [file] = await leader.sql(
      "SELECT pg_walfile_name(pg_current_wal_lsn()) AS name",
    );
    await leader.sql("SELECT pg_switch_wal()");
    await this.#cluster.until("the WAL is archived", async () => {
      const [row] = await leader.sql(
        "SELECT last_archived_wal AS name FROM pg_stat_archiver",
      );
      return String(row?.["name"]) >= String(file?.["name"]);
    });
    await this.#tool.collectWal();
  }

  async #clone(): Promise<void> {
    this.#second.start();
    await this.#cluster.untilWhole();
    assert.deepEqual(await rowsOf(this.#second), ["bad", "good"]);
    assert.match(this.#second.log(), /restored log file "0{7}1/);
  }

  async #join(): Promise<void> {
    await this.#second.end();
    await this.#fill(this.#second, null);
    this.#second.start();
    await this.#cluster.untilWhole();
    assert.deepEqual(await rowsOf(this.#second), ["bad", "good"]);
  }

  async #goBack(): Promise<void> {
    const member = this.#first;
    await this.#startOver();
    await this.#fill(member, "pause");
    member.start();
    await this.#cluster.until(
      "it pauses at the target",
      () =>
        Promise.resolve(
          member.log().includes("the recovery pauses at recovery_target_time"),
        ),
    );
    assert.deepEqual(await rowsOf(member), ["good"]);
    await assert.rejects(member.sql("INSERT INTO made VALUES ('x')"));
    const { code, text } = await commandLine(
      member,
      ["failover", "batman", "--candidate", "n1", "--force"],
    );
    assert.equal(code, 0, text);
    await this.#cluster.untilLeader(["n1"]);
    assert.deepEqual(await rowsOf(member), ["good"]);
  }

  async #bootstrap(): Promise<void> {
    const member = this.#first;
    await this.#startOver();
    await setAside(member);
    const target = { time: this.#moment, action: "promote" } as const;
    member.config = {
      ...member.config,
      bootstrap: {
        ...sectionOf(member.config, "bootstrap"),
        method: this.#tool.name,
        [this.#tool.name]: {
          command: await this.#tool.restore(member, target),
          ...{ no_params: true, keep_existing_recovery_conf: true },
        },
      },
    };
    member.start();
    await this.#cluster.untilLeader(["n1"]);
    assert.deepEqual(await rowsOf(member), ["good"]);
    await member.sql("INSERT INTO made VALUES ('new')");
  }

  /** What an operator does: the directory moves away, the tool fills it. */
  async #fill(
    member: AgentMember,
    action: "pause" | null,
  ): Promise<void> {
    await setAside(member);
    const target = action === null ? null : { time: this.#moment, action };
    await shell(
      await this.#tool.restore(member, target),
      this.#tool.environment,
    );
  }

  /** Everything stops, and the store forgets the scope. */
  async #startOver(): Promise<void> {
    for (const member of this.#cluster.members) {
      if (member.postmasterPid() !== null) await member.end();
    }
    const { code, text } = await commandLine(
      this.#first,
      ["remove", "batman"],
      { input: "batman\nYes I am aware\n" },
    );
    assert.equal(code, 0, text);
  }
}

/** As `mv main main.before`; its owner makes an empty one. */
async function setAside({ dataDir }: AgentMember): Promise<void> {
  const before = `${dataDir}.before`;
  await Deno.remove(before, { recursive: true }).catch(() => undefined);
  await Deno.rename(dataDir, before);
  await Deno.mkdir(dataDir, { mode: 0o700 });
}

async function rowsOf(member: AgentMember): Promise<readonly unknown[]> {
  const rows = await member.sql("SELECT by FROM made ORDER BY 1");
  return rows.map((row) => row["by"]);
}
