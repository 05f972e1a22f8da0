/**
 * HAProxy with the settings that Patroni's manual shows follows our REST API:
 * one port to the leader, one to the replicas that are near enough.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import { connectTo, runSql } from "../helpers/agent_member.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { exists } from "./programs.ts";
import { freePorts } from "../helpers/free_ports.ts";

const HAPROXY = "/usr/sbin/haproxy";
const SKIP = skipReason();

interface Scene {
  readonly t: Deno.TestContext;
  readonly cluster: AgentCluster;
  readonly primaryPort: number;
  readonly replicaPort: number;
}

unprivileged(import.meta.url, () => {
  const name = "HAProxy follows our members" + (SKIP === null ? "" : SKIP);
  Deno.test({ name, ignore: SKIP !== null }, async (t) => {
    await using cluster = await AgentCluster.running();
    const [primaryPort = 0, replicaPort = 0] = freePorts(2);
    const scene = { t, cluster, primaryPort, replicaPort };
    const haproxy = await start(scene);
    try {
      await routes(scene);
      await switches(scene);
      await leavesOut(scene);
    } finally {
      haproxy.kill("SIGTERM");
      await haproxy.status;
    }
  });
});

function skipReason(): string | null {
  if (exists(HAPROXY)) return null;
  if (Deno.env.get("CI") === "true") throw new Error("there is no HAProxy");
  return ": there is no HAProxy here";
}

function listener(
  { cluster }: Scene,
  options: { readonly port: number; readonly check: string },
): string {
  const servers = cluster.members.map(({ name, place }) =>
    `  server ${name} 127.0.0.1:${place.postgresPort} maxconn 100 ` +
    `check port ${place.restPort}`
  );
  return `listen port${options.port}
  bind 127.0.0.1:${options.port}
  option httpchk ${options.check}
  http-check expect status 200
  default-server inter 1s fall 3 rise 2 on-marked-down shutdown-sessions
${servers.join("\n")}
`;
}

async function start(scene: Scene): Promise<Deno.ChildProcess> {
  const path = `${scene.cluster.directory}/haproxy.cfg`;
  await Deno.writeTextFile(
    path,
    `global
  maxconn 100
defaults
  log global
  mode tcp
  retries 2
  timeout client 30m
  timeout connect 4s
  timeout server 30m
  timeout check 5s
${listener(scene, { port: scene.primaryPort, check: "OPTIONS /primary" })}
${
      listener(scene, {
        port: scene.replicaPort,
        check: "OPTIONS /replica?lag=100MB",
      })
    }`,
  );
  return new Deno.Command(HAPROXY, {
    args: ["-db", "-q", "-f", path],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** The member that a port leads to; null if to nobody. */
async function behind(
  { cluster }: Scene,
  port: number,
): Promise<string | null> {
  const [row] = await runSql(port, "SELECT inet_server_port() AS port");
  const found = cluster.members.find(({ place }) =>
    place.postgresPort === Number(row?.["port"])
  );
  return found?.name ?? null;
}

/** All members that a port leads to, by some connections. */
async function allBehind(scene: Scene, port: number): Promise<string> {
  const names = new Set<string | null>();
  for (let i = 0; i < 6; i++) names.add(await behind(scene, port));
  return [...names].sort().join();
}

async function routes(scene: Scene): Promise<void> {
  const { t, cluster, primaryPort, replicaPort } = scene;
  await step(t, "one port leads to the leader only", async () => {
    await cluster.until(
      "it does",
      async () => await allBehind(scene, primaryPort) === "n1",
    );
  });
  await step(t, "one port leads to both replicas only", async () => {
    await cluster.until(
      "it does",
      async () => await allBehind(scene, replicaPort) === "n2,n3",
    );
  });
}

async function switches(scene: Scene): Promise<void> {
  const { t, cluster, primaryPort, replicaPort } = scene;
  await step(t, "after a switchover both ports follow", async () => {
    const session = connectTo(primaryPort, { max: 1 });
    await session`SELECT 1`;
    const { status, text } = await cluster.member("n1").rest("/switchover", {
      method: "POST",
      body: { leader: "n1", candidate: "n2" },
    });
    assert.equal(status, 200, text);
    await cluster.untilWhole();
    await cluster.until(
      "the ports follow",
      async () =>
        await allBehind(scene, primaryPort) === "n2" &&
        await allBehind(scene, replicaPort) === "n1,n3",
    );
    await session.end({ timeout: 1 });
  });
}

async function leavesOut(scene: Scene): Promise<void> {
  const { t, cluster, replicaPort } = scene;
  await step(t, "a member with noloadbalance gets no reads", async () => {
    const n3 = cluster.member("n3");
    n3.config = { ...n3.config, tags: { noloadbalance: true } };
    n3.writeConfig();
    n3.signal("SIGHUP");
    await cluster.until(
      "it is left out",
      async () => await allBehind(scene, replicaPort) === "n1",
    );
  });
  await step(t, "a member whose agent ended gets no reads", async () => {
    const n3 = cluster.member("n3");
    n3.config = { ...n3.config, tags: {} };
    n3.writeConfig();
    n3.signal("SIGHUP");
    await cluster.until(
      "it is back",
      async () => await allBehind(scene, replicaPort) === "n1,n3",
    );
    await n3.end();
    await cluster.until(
      "it is left out",
      async () => await allBehind(scene, replicaPort) === "n1",
    );
  });
}
