/**
 * Goal: `proxy.sealed` on real members: clients get in through a proxy or not at
 * all, everything between members works, and the fence cuts everybody.
 *
 * Method: members that know each other by an address of this host that is no
 * loopback, as if they were on hosts of their own.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import { connectTo, PASSWORDS, runSql } from "../helpers/agent_member.ts";
import { matriarchCommand } from "../helpers/program.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { freePorts } from "../helpers/free_ports.ts";

const WHERE = "SELECT inet_server_port() AS port, " +
  "host(inet_client_addr()) AS client, pg_is_in_recovery() AS is_standby";

const OUTER = Deno.networkInterfaces().find(({ family, address }) =>
  family === "IPv4" && !address.startsWith("127.")
)?.address;

/** What operators of a sealed scope write. */
function lines(outer: string): readonly string[] {
  return [
    "local all all trust",
    "host all all 127.0.0.1/32 scram-sha-256",
    `host replication replicator ${outer}/32 scram-sha-256`,
    `host all rewinder ${outer}/32 scram-sha-256`,
  ];
}

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "sealed members",
    // A host without any network has only the loopback.
    ignore: OUTER === undefined && Deno.env.get("CI") === undefined,
    fn: async (t) => {
      const outer = OUTER ?? assert.fail("this host has no network");
      await using cluster = await sealedCluster(outer);
      const [alone = 0] = freePorts(1);
      await using _proxy = standAloneProxy(cluster, alone);
      const scene = { cluster, outer, alone };
      await insideOnly(t, scene);
      await switchover(t, scene);
      await openLines(t, scene);
      await fenced(t, scene);
    },
  });
});

interface Scene {
  readonly cluster: AgentCluster;
  readonly outer: string;
  /** Primary port of a proxy on a host without a member. */
  readonly alone: number;
}

async function sealedCluster(outer: string): Promise<AgentCluster> {
  return await AgentCluster.running({
    hasProxies: true,
    bootstrapDcs: {
      postgresql: {
        use_pg_rewind: true,
        parameters: { max_connections: 30, wal_keep_size: "64MB" },
        pg_hba: lines(outer),
      },
    },
    change: (config, { postgresPort }) => {
      const { pg_hba: _, ...postgresql } = sectionOf(config, "postgresql");
      const proxy = sectionOf(config, "proxy");
      return {
        ...config,
        postgresql: {
          ...postgresql,
          listen: `127.0.0.1,${outer}:${postgresPort}`,
          connect_address: `${outer}:${postgresPort}`,
        },
        proxy: {
          ...proxy,
          listen: `127.0.0.1,${outer}`,
          sealed: true,
          agent_grace: 2,
        },
      };
    },
  });
}

/** `matriarch proxy` of an application host. */
function standAloneProxy(
  cluster: AgentCluster,
  primaryPort: number,
): AsyncDisposable {
  const [replica, stats] = freePorts(2);
  const file = `${cluster.directory}/application.yml`;
  const document = {
    scope: "batman",
    ...cluster.dcsSection,
    proxy: {
      listen: "127.0.0.1",
      primary_port: primaryPort,
      replica_port: replica,
      stats_port: stats,
    },
  };
  Deno.writeTextFileSync(file, JSON.stringify(document));
  const process = matriarchCommand(["proxy", file], {
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    [Symbol.asyncDispose]: async () => {
      process.kill("SIGKILL");
      await process.status;
    },
  };
}

async function visit(port: number) {
  const [row] = await runSql(port, WHERE);
  return { ...row };
}

/** What a client hears that goes to a member's PostgreSQL from another host. */
async function directly(
  { outer }: Scene,
  port: number,
  username: keyof typeof PASSWORDS = "postgres",
): Promise<string> {
  const password = PASSWORDS[username];
  const session = connectTo(port, { host: outer, username, password });
  try {
    await session.unsafe("SELECT 1");
    return "served";
  } catch (error) {
    return error instanceof Error && "code" in error
      ? String(error.code)
      : String(error);
  } finally {
    await session.end({ timeout: 0 });
  }
}

async function insideOnly(t: Deno.TestContext, scene: Scene): Promise<void> {
  const { cluster, alone } = scene;
  const ports = cluster.members.map(({ place }) => place.postgresPort);
  await step(t, "clients from elsewhere are refused", async () => {
    for (const port of ports) {
      assert.equal(await directly(scene, port), "28000");
    }
  });
  await step(t, "the agents of other members are not", async () => {
    for (const port of ports) {
      assert.equal(await directly(scene, port, "rewinder"), "served");
    }
  });
  await step(t, "every proxy leads writers to the leader", async () => {
    const want = { port: ports[0], client: "127.0.0.1", is_standby: false };
    const doors = cluster.members.map(({ place }) => place.proxyPorts?.primary);
    for (const port of [...doors, alone]) {
      await cluster.until("the port serves", async () => {
        assert.deepEqual(await visit(port ?? 0), want);
        return true;
      });
    }
  });
  await step(t, "every proxy leads readers to replicas", async () => {
    for (const { place } of cluster.members) {
      const seen = await visit(place.proxyPorts?.replica ?? 0);
      assert.deepEqual([seen["client"], seen["is_standby"]], [
        "127.0.0.1",
        true,
      ]);
    }
  });
  await step(t, "the store names the doors", async () => {
    const { place } = cluster.member("n2");
    const member = await cluster.key("members/n2");
    assert.deepEqual(Object(member).doors, {
      primary: place.proxyPorts?.primary,
      replica: place.proxyPorts?.replica,
    });
  });
}

async function switchover(
  t: Deno.TestContext,
  { cluster, alone }: Scene,
): Promise<void> {
  await step(t, "a switchover takes everybody along", async () => {
    const body = { leader: "n1", candidate: "n2" };
    const { status, text } = await cluster.member("n1")
      .rest("/switchover", { method: "POST", body });
    assert.equal(status, 200, text);
    assert.equal((await cluster.untilWhole()).name, "n2");
    const { postgresPort } = cluster.member("n2").place;
    const others = cluster.members.map(({ place }) =>
      place.proxyPorts?.primary ?? 0
    );
    for (const port of [...others, alone]) {
      await cluster.until(
        "writers reach the new leader",
        async () => (await visit(port))["port"] === postgresPort,
      );
    }
  });
}

async function openLines(t: Deno.TestContext, scene: Scene): Promise<void> {
  const { cluster, outer } = scene;
  const leader = cluster.member("n2");
  const change = (pg_hba: readonly string[]) =>
    leader.rest("/config", {
      method: "PATCH",
      body: { postgresql: { pg_hba } },
    });
  await step(t, "lines that open the members are not taken over", async () => {
    const open = `host all all ${outer}/32 scram-sha-256`;
    await change([open, ...lines(outer)]);
    for (const member of cluster.members) {
      await cluster.until("it is said", () => {
        const text = `postgresql.pg_hba.0: got "${open}", wanted`;
        return Promise.resolve(member.log().includes(text));
      });
      const port = member.place.postgresPort;
      assert.equal(await directly(scene, port), "28000");
    }
  });
  await step(t, "an open file is told", async () => {
    const file = `${leader.dataDir}/pg_hba.conf`;
    const open = `\nhost all all ${outer}/32 scram-sha-256\n`;
    await Deno.writeTextFile(file, open, { append: true });
    await leader.rest("/reload", { method: "POST" });
    await cluster.until("it is said", () =>
      Promise.resolve(
        /pg_hba\.conf breaks proxy\.sealed: line \d+, wanted database/
          .test(leader.log()),
      ));
    await change(lines(outer));
    await cluster.until(
      "it is closed again",
      () => Promise.resolve(/keeps PostgreSQL sealed again/.test(leader.log())),
    );
    const { postgresPort } = leader.place;
    assert.equal(await directly(scene, postgresPort), "28000");
  });
}

async function fenced(
  t: Deno.TestContext,
  { cluster, alone }: Scene,
): Promise<void> {
  await step(t, "the fence cuts the clients of every proxy", async () => {
    const old = await cluster.untilWhole();
    const proxies = cluster.members.map(({ place }) =>
      place.proxyPorts?.primary ?? 0
    );
    const sleeps = [...proxies, alone].map(async (port) => {
      try {
        await runSql(port, "SELECT pg_sleep(600)");
        return "served";
      } catch (error) {
        return error instanceof Error && "code" in error ? error.code : error;
      }
    });
    await cluster.until("all are inside", async () => {
      const [row] = await old.sql(
        "SELECT count(*)::int AS n FROM pg_stat_activity " +
          "WHERE query = 'SELECT pg_sleep(600)'",
      );
      return row?.["n"] === sleeps.length;
    });
    await old.end("SIGKILL");
    // PostgreSQL's own stop would have told them 57P01.
    for (const end of await Promise.all(sleeps)) {
      assert.match(String(end), /^(CONNECTION_CLOSED|ECONNRESET)$/);
    }
    const others = cluster.others(old.name).map(({ name }) => name);
    const leader = await cluster.untilLeader(others);
    for (const port of [...proxies, alone]) {
      await cluster.until(
        "writers reach the new leader",
        async () => (await visit(port))["port"] === leader.place.postgresPort,
      );
    }
    old.start();
    await cluster.untilWhole();
  });
}
