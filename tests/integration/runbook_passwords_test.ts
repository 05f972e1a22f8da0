/**
 * The runbook's chapter about passwords, run as it stands: its commands in their
 * order, the files written where it says so.
 */
import assert from "node:assert/strict";
import postgres from "postgres";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { type AgentMember, PASSWORDS } from "../helpers/agent_member.ts";
import { commandLine } from "../helpers/command_line.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const RUNBOOK = new URL("../../docs/runbook.md", import.meta.url);

type Account = "superuser" | "replication" | "rewind";

unprivileged(import.meta.url, () => {
  Deno.test("the runbook's password rotation", async (t) => {
    const blocks = chapterBlocks(await Deno.readTextFile(RUNBOOK));
    assert.equal(blocks.length, 4);
    const [stream = [], rewind = [], superuser = [], rest = []] = blocks;
    await using cluster = await AgentCluster.running({
      members: 2,
      change: (config) => ({
        ...config,
        restapi: {
          ...sectionOf(config, "restapi"),
          authentication: { username: "rest", password: "old" },
        },
      }),
    });
    const leader = cluster.member("n1");
    await step(t, "the replication account", async () => {
      await rotate(cluster, stream, "replication");
      await leader.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_replication",
      );
      await cluster.until("n2 streams with the new one", async () => {
        const rows = await leader.sql("SELECT state FROM pg_stat_replication");
        return rows[0]?.["state"] === "streaming";
      });
    });
    await step(t, "the account of rewind", async () => {
      await rotate(cluster, rewind, "rewind");
      await login(leader, "rewinder", "new rewind password");
    });
    await step(t, "the superuser", async () => {
      await rotate(cluster, superuser, "superuser");
      await login(leader, "postgres", "new superuser password");
      await cluster.untilWhole();
    });
    await step(t, "the REST credentials", async () => {
      for (const member of cluster.members) {
        const restapi = {
          ...sectionOf(member.config, "restapi"),
          authentication: { username: "rest", password: "new" },
        };
        member.config = { ...member.config, restapi };
        member.writeConfig();
        // The unit's ExecReload.
        assert.equal(rest[0], "systemctl reload matriarch");
        member.signal("SIGHUP");
      }
      await cluster.until("the new ones are taken", async () => {
        const { code, text } = await call(leader, rest[1] ?? "", "");
        return code === 0 && !/401|ailed/.test(text);
      });
    });
  });
});

/** The lines of the chapter's code blocks. */
function chapterBlocks(text: string): string[][] {
  const [, chapter = ""] = text.split("\n## Password rotation\n");
  const own = chapter.split("\n## ")[0] ?? "";
  return [...own.matchAll(/```sh\n([^]*?)```/g)]
    .map(([, block = ""]) => block.trim().split("\n"));
}

/** Runs a block; the files are written after its ALTER ROLE. */
async function rotate(
  cluster: AgentCluster,
  lines: readonly string[],
  account: Account,
): Promise<void> {
  const leader = cluster.member("n1");
  for (const line of lines) {
    const { code, text } = await call(leader, line, PASSWORDS.postgres);
    assert.equal(code, 0, `${line}\n${text}`);
    assert.doesNotMatch(text, /FATAL|401|[Ff]ailed/, line);
    const password = /PASSWORD '([^']*)'/.exec(line)?.[1];
    if (password === undefined) continue;
    for (const member of cluster.members) {
      const postgresql = sectionOf(member.config, "postgresql");
      const authentication = sectionOf(postgresql, "authentication");
      const role = { ...sectionOf(authentication, account), password };
      member.config = {
        ...member.config,
        postgresql: {
          ...postgresql,
          authentication: { ...authentication, [account]: role },
        },
      };
      member.writeConfig();
    }
  }
}

/** A line of the runbook for this test's scope; the password comes from the environment in place of a terminal. */
async function call(
  member: AgentMember,
  line: string,
  password: string,
): Promise<{ readonly code: number; readonly text: string }> {
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)]
    .map((match) => match[1] ?? match[2] ?? "");
  assert.deepEqual(words.slice(0, 3), [
    ...["matriarch", "-c", "/etc/matriarch.yml"],
  ]);
  const kept = words.slice(3).filter((word) => word !== "--password")
    .map((word) => word === "main" ? "batman" : word);
  return await commandLine(member, kept, { env: { PGPASSWORD: password } });
}

async function login(
  member: AgentMember,
  username: string,
  password: string,
): Promise<void> {
  const connection = postgres({
    host: "127.0.0.1",
    port: member.place.postgresPort,
    username,
    password,
    database: "postgres",
    max: 1,
    fetch_types: false,
  });
  try {
    await connection.unsafe("SELECT 1");
  } finally {
    await connection.end({ timeout: 1 });
  }
}
