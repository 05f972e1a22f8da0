/**
 * Clients that people have, through the ports of two members' proxies while the
 * leader changes: psql, libpq with several hosts, JDBC, pgbench, npm `postgres`.
 * docs/clients.md has their addresses.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { connectTo, PASSWORDS } from "../helpers/agent_member.ts";
import { freePort } from "../helpers/free_ports.ts";
import { skipReason } from "../helpers/skip_reason.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const DRIVER = "/usr/share/java/postgresql.jar";
const SOURCE = new URL("../helpers/JdbcClient.java", import.meta.url).pathname;
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

/** Asked while the leader changes: none may see an error. */
async function during(
  { cluster, primaries }: Scene,
  ask: () => Promise<string>,
): Promise<readonly string[]> {
  let isOver = false;
  const answers: string[] = [];
  const asking = (async () => {
    while (!isOver) answers.push(await ask());
  })();
  const before = await portOf(cluster);
  const after = await switchOver(cluster);
  isOver = true;
  await asking;
  answers.push(await ask());
  assert.equal(answers.at(-1), `${after} false`, answers.join(", "));
  const strange = answers.filter((one) =>
    one !== `${before} false` && one !== `${after} false`
  );
  assert.ok(primaries.length > 0);
  return strange;
}

/** A session to the leader that stops ends with it; that is no refusal. */
const CUT = /terminating connection|closed the connection|08006|57P01/;

async function newConnections(scene: Scene): Promise<void> {
  const writer = `${hosts(scene.primaries)} target_session_attrs=read-write`;
  const strange = await during(scene, () => psql(writer));
  assert.deepEqual(strange.filter((one) => !CUT.test(one)), []);
}

async function jdbc(scene: Scene): Promise<void> {
  const places = scene.primaries.map((port) => `127.0.0.1:${port}`).join(",");
  const url = `jdbc:postgresql://${places}/postgres?` +
    "targetServerType=primary&loginTimeout=20";
  const child = new Deno.Command("java", {
    args: ["-cp", DRIVER, SOURCE, url, "postgres", PASSWORDS.postgres],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const input = child.stdin.getWriter();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  const ask = async (): Promise<string> => {
    await input.write(new TextEncoder().encode("\n"));
    for (;;) {
      const end = rest.indexOf("\n");
      if (end >= 0) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 1);
        return line;
      }
      const { value, done } = await output.read();
      if (done) throw new Error("JDBC's client has ended");
      rest += value;
    }
  };
  try {
    await ask();
    const strange = await during(scene, ask);
    assert.deepEqual(strange.filter((one) => !CUT.test(one)), []);
  } finally {
    await input.close();
    await output.cancel();
    await child.status;
  }
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

async function pool(scene: Scene): Promise<void> {
  const [port = 0] = scene.primaries;
  const sql = connectTo(port, { max: 4, idle_timeout: 1 });
  try {
    const ask = async (): Promise<string> => {
      try {
        const [row] = await sql.unsafe(WHERE);
        return String(Object.values(row ?? {})[0]);
      } catch (error) {
        return error instanceof Error && "code" in error
          ? `error ${String(error.code)}`
          : String(error);
      }
    };
    const strange = await during(scene, ask);
    const isCut = (one: string): boolean =>
      CUT.test(one) || /CONNECTION_CLOSED|ECONNRESET|EPIPE/.test(one);
    assert.deepEqual(strange.filter((one) => !isCut(one)), []);
  } finally {
    await sql.end({ timeout: 0 });
  }
}

const noJava = skipReason("java", "default-jre-headless");
const noDriver = await Deno.stat(DRIVER).then(
  () => null,
  () => "there is no JDBC driver here (package libpostgresql-jdbc-java)",
);
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
    await step(t, "psql and libpq's several hosts", () => libpq(scene));
    await step(t, "psql connects anew", () => newConnections(scene));
    await step(
      t,
      "pgbench connects for each transaction",
      () => pgbench(scene),
    );
    await step(t, "npm postgres keeps a pool", () => pool(scene));
    const without = noJava ?? (Deno.env.get("CI") === "true" ? null : noDriver);
    await t.step({
      name: "JDBC" + (without === null ? "" : ` (skipped: ${without})`),
      ignore: without !== null,
      fn: () => jdbc(scene),
    });
  });
});
