/**
 * Clients that people have, through the ports of two members' proxies while the
 * leader changes or is lost: psql, libpq with several hosts, JDBC, pgbench, asyncpg,
 * npm `postgres`. docs/clients.md has their addresses.
 */
import assert from "node:assert/strict";
import postgres from "postgres";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { PASSWORDS } from "../helpers/agent_member.ts";
import { AskingProgram } from "../helpers/asking_program.ts";
import { freePort } from "../helpers/free_ports.ts";
import { skipReason } from "../helpers/skip_reason.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const DRIVER = "/usr/share/java/postgresql.jar";
const SOURCE = new URL("../helpers/JdbcClient.java", import.meta.url).pathname;
/** Debian's, which has Debian's asyncpg. */
const PYTHON = "/usr/bin/python3";
const ASYNCPG =
  new URL("../helpers/asyncpg_client.py", import.meta.url).pathname;
const WHERE = "SELECT inet_server_port() || ' ' || pg_is_in_recovery()";

interface Scene {
  readonly cluster: AgentCluster;
  /** Of each member's proxy. */
  readonly primaries: readonly number[];
  readonly replicas: readonly number[];
  /** `to: any`, on the first. */
  readonly any: number;
}

/** One program; what it printed, and how it ended. */
async function run(program: string, args: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    env: {
      PGPASSWORD: PASSWORDS.postgres,
      PGUSER: "postgres",
      PGDATABASE: "postgres",
      PGCONNECT_TIMEOUT: "20",
    },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { code, out: text(stdout), err: text(stderr) };
}

async function psql(conninfo: string, query = WHERE): Promise<string> {
  const { out, err } = await run("psql", ["-XAt", conninfo, "-c", query]);
  return out || err;
}

async function portOf(cluster: AgentCluster): Promise<number> {
  return (await cluster.untilWhole()).place.postgresPort;
}

async function switchOver(cluster: AgentCluster): Promise<number> {
  const leader = await cluster.untilWhole();
  const [next] = cluster.others(leader.name);
  const { status, text } = await leader.rest("/switchover", {
    method: "POST",
    body: { leader: leader.name, candidate: next?.name },
  });
  assert.equal(status, 200, text);
  return await portOf(cluster);
}

/** The leader's agent, proxy and PostgreSQL are gone at once, and come back later. */
async function failOver(cluster: AgentCluster): Promise<number> {
  const leader = await cluster.untilWhole();
  const others = cluster.others(leader.name).map(({ name }) => name);
  await leader.killAll();
  const next = await cluster.untilLeader(others);
  leader.start();
  await cluster.untilWhole();
  return next.place.postgresPort;
}

function hosts(ports: readonly number[]): string {
  const places = ports.map(() => "127.0.0.1").join(",");
  return `host=${places} port=${ports.join(",")}`;
}

async function libpq(
  { cluster, primaries, replicas, any }: Scene,
): Promise<void> {
  const leader = await portOf(cluster);
  const [first = 0] = primaries;
  assert.equal(await psql(`host=127.0.0.1 port=${first}`), `${leader} false`);
  const reader = await psql(hosts(replicas));
  assert.match(reader, /^\d+ true$/);
  const writer = `${hosts(primaries)} target_session_attrs=read-write`;
  assert.equal(await psql(writer), `${leader} false`);
  // A proxy that is not there costs an address, and nothing else.
  const gone = `${hosts([freePort(), first])} target_session_attrs=primary`;
  assert.equal(await psql(gone), `${leader} false`);
  // One port for both: who wants a standby gets one after the other.
  const standby = await psql(
    `${hosts([any, any, any, any])} target_session_attrs=standby`,
  );
  assert.match(standby, /^\d+ true$/);
}

/** A session to the leader that stops ends with it; that is no refusal. */
const CUT = new RegExp([
  ...["terminating connection", "closed the connection", "57P01"],
  // JDBC and asyncpg: the server is gone in the middle, or of all hosts none is left.
  ...["08006", "08001", "08003", "unexpected connection_lost"],
  ...["reset by peer", "CONNECTION_CLOSED", "ECONNRESET", "EPIPE"],
].join("|"));

/** More than any client waits. */
const ANSWER_MS_MAX = 90_000;

/** Connects anew with each call, and says who answered. */
type Ask = () => Promise<string>;

/** Changes the leader; the next one's port. */
type Change = (cluster: AgentCluster) => Promise<number>;

/** All of them ask while the leader changes: none may see an error but the end of its session. */
async function undisturbed(
  { cluster }: Scene,
  change: Change,
  clients: ReadonlyMap<string, Ask>,
): Promise<void> {
  const answers = new Map<string, string[]>();
  const askOnce = async (name: string, ask: Ask): Promise<void> => {
    const late = new Promise<string>((resolve) => {
      AbortSignal.timeout(ANSWER_MS_MAX).onabort = () => resolve("no answer");
    });
    answers.get(name)?.push(await Promise.race([ask(), late]));
  };
  for (const [name, ask] of clients) {
    answers.set(name, []);
    await askOnce(name, ask);
  }
  let isOver = false;
  const asking = [...clients].map(async ([name, ask]) => {
    while (!isOver) await askOnce(name, ask);
    await askOnce(name, ask);
  });
  const before = await portOf(cluster);
  const [after] = await Promise.all([
    change(cluster).finally(() => isOver = true),
    ...asking,
  ]);
  for (const [name, all] of answers) {
    assert.equal(all.at(-1), `${after} false`, `${name}: ${all.join(", ")}`);
    const failed = all.filter((one) =>
      one !== `${before} false` && one !== `${after} false`
    );
    assert.deepEqual(failed.filter((one) => !CUT.test(one)), [], name);
    // The session of that moment; with it may go the one that a pool had kept.
    assert.ok(failed.length <= 2, `${name}: ${failed.join(", ")}`);
  }
}

async function eachClient(
  scene: Scene,
  change: Change,
  without: Without,
): Promise<void> {
  const places = scene.primaries.map((port) => `127.0.0.1:${port}`).join(",");
  const writer = `${hosts(scene.primaries)} target_session_attrs=read-write`;
  await using programs = new AsyncDisposableStack();
  await using pool = pooled(scene.primaries);
  const clients = new Map<string, Ask>([
    ["psql", () => psql(writer)],
    ["npm postgres", () => pool.ask()],
  ]);
  if (without.jdbc === null) {
    const url = `jdbc:postgresql://${places}/postgres?` +
      "targetServerType=primary&loginTimeout=20";
    const program = programs.use(
      new AskingProgram("java", [
        ...["-cp", DRIVER, SOURCE, url, "postgres", PASSWORDS.postgres],
      ]),
    );
    clients.set("JDBC", () => program.ask());
  }
  if (without.asyncpg === null) {
    const url =
      `postgresql://postgres:${PASSWORDS.postgres}@${places}/postgres`;
    const program = programs.use(new AskingProgram(PYTHON, [ASYNCPG, url]));
    clients.set("asyncpg", () => program.ask());
  }
  await undisturbed(scene, change, clients);
}

/** npm `postgres` keeps its connections, and knows all hosts. */
function pooled(ports: readonly number[]): AsyncDisposable & { ask: Ask } {
  const sql = postgres({
    host: ports.map((port) => `127.0.0.1:${port}`).join(","),
    ...{ username: "postgres", password: PASSWORDS.postgres },
    ...{ database: "postgres", fetch_types: false },
    ...{ max: 4, idle_timeout: 1, connect_timeout: 20 },
  });
  return {
    ask: async () => {
      try {
        const [row] = await sql.unsafe(WHERE);
        return String(Object.values(row ?? {})[0]);
      } catch (error) {
        return error instanceof Error && "code" in error
          ? `error ${String(error.code)}`
          : String(error);
      }
    },
    [Symbol.asyncDispose]: () => sql.end({ timeout: 0 }),
  };
}

async function pgbench({ cluster, primaries }: Scene): Promise<void> {
  const [port = 0] = primaries;
  const own = `host=127.0.0.1 port=${port}`;
  const script = await Deno.makeTempFile();
  await Deno.writeTextFile(script, "SELECT nextval('turns');\n");
  await psql(own, "CREATE SEQUENCE IF NOT EXISTS turns");
  // Connects for each transaction (-C): those that begin meanwhile wait.
  const running = run("pgbench", [
    ...["-n", "-C", "-c", "4", "-t", "150", "--max-tries=3", "-f", script],
    ...["-h", "127.0.0.1", "-p", `${port}`],
  ]);
  // It begins with a connection of its own, and gives up if that is cut.
  await cluster.until("transactions run", async () => {
    return Number(await psql(own, "SELECT last_value FROM turns")) > 8;
  });
  await switchOver(cluster);
  const { out, err } = await running;
  await Deno.remove(script);
  const failed = err.split("\n").filter((line) =>
    /error|FATAL/i.test(line) &&
    !/aborted|terminating connection/i.test(line) &&
    !/closed the connection|before or while processing/i.test(line)
  );
  assert.deepEqual(failed, [], out);
}

/** Why a client is not here; null: it is. */
interface Without {
  readonly jdbc: string | null;
  readonly asyncpg: string | null;
}

/** In continuous integration a client that is missing is a failure. */
async function missing(): Promise<Without> {
  if (Deno.env.get("CI") === "true") return { jdbc: null, asyncpg: null };
  const driver = await Deno.stat(DRIVER).then(
    () => null,
    () => "there is no JDBC driver here (package libpostgresql-jdbc-java)",
  );
  const { code } = await run(PYTHON, ["-c", "import asyncpg"])
    .catch(() => ({ code: 1 }));
  return {
    jdbc: skipReason("java", "default-jre-headless") ?? driver,
    asyncpg: code === 0
      ? null
      : "there is no asyncpg here (package python3-asyncpg)",
  };
}

const without = await missing();
const skipped = Object.values(without).filter((why) => why !== null);
unprivileged(import.meta.url, () => {
  Deno.test("clients that people have, while the leader changes", async (t) => {
    const any = freePort();
    await using cluster = await AgentCluster.running({
      ...{ members: 2, hasProxies: true, isQuick: true },
      change: (config, { name }) => ({
        ...config,
        proxy: {
          ...sectionOf(config, "proxy"),
          ...(name === "n1" ? { ports: [{ port: any, to: "any" }] } : {}),
        },
      }),
    });
    const ports = (which: "primary" | "replica"): readonly number[] =>
      cluster.members.map(({ place }) => place.proxyPorts?.[which] ?? 0);
    const scene = {
      ...{ cluster, any },
      ...{ primaries: ports("primary"), replicas: ports("replica") },
    };
    const all = skipped.length === 0 ? "" : ` (without: ${skipped.join("; ")})`;
    await step(t, "psql and libpq's several hosts", () => libpq(scene));
    await step(
      t,
      "pgbench connects for each transaction",
      () => pgbench(scene),
    );
    await step(
      t,
      `all see nothing of a switchover${all}`,
      () => eachClient(scene, switchOver, without),
    );
    await step(
      t,
      `all wait out the loss of a host${all}`,
      () => eachClient(scene, failOver, without),
    );
  });
});
