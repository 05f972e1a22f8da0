/**
 * A stand-alone proxy that only the members' agents tell where clients may go, in
 * front of real members: through a switchover, with an agent frozen, and with the
 * leader's host gone.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { connectTo } from "../helpers/agent_member.ts";
import { freePort } from "../helpers/free_ports.ts";
import { endAllWith } from "../helpers/own_processes.ts";
import { matriarchCommand } from "../helpers/program.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

/** The proxy's process and its ports. */
class ToldProxy implements AsyncDisposable {
  readonly primary = freePort();
  readonly replica = freePort();
  readonly stats = freePort();
  readonly #config: string;

  constructor(cluster: AgentCluster) {
    this.#config = `${cluster.directory}/told.yml`;
    const agents = cluster.members.map(({ place }) =>
      `http://127.0.0.1:${place.restPort}`
    );
    const config = {
      scope: "batman",
      log: { dir: null },
      proxy: {
        ...{ listen: "127.0.0.1", primary_port: this.primary, agents },
        ...{ replica_port: this.replica, stats_port: this.stats },
      },
    };
    Deno.writeTextFileSync(this.#config, JSON.stringify(config));
    const log = `${cluster.directory}/told.log`;
    matriarchCommand(["proxy", this.#config], {
      env: { XDG_RUNTIME_DIR: cluster.directory },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn().stderr.pipeTo(
      Deno.openSync(log, { create: true, write: true }).writable,
    );
  }

  /** The leader by its statistics; null: none. */
  async leader(): Promise<string | null> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.stats}/stats`);
      return (await response.json()).routes.primary?.name ?? null;
    } catch {
      return null;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endAllWith(this.#config);
  }
}

/** The port of the server that a new connection reaches. */
async function visit(port: number): Promise<unknown> {
  const session = connectTo(port);
  try {
    const [row] = await session.unsafe("SELECT inet_server_port() AS port");
    return row?.["port"];
  } finally {
    await session.end({ timeout: 0 });
  }
}

/** Clients of the proxy are led to that member. */
async function leads(
  { cluster, proxy }: {
    readonly cluster: AgentCluster;
    readonly proxy: ToldProxy;
  },
  name: string,
): Promise<void> {
  await cluster.until(
    `the proxy leads to ${name}`,
    async () => await proxy.leader() === name,
  );
  const { postgresPort } = cluster.member(name).place;
  assert.equal(await visit(proxy.primary), postgresPort);
}

unprivileged(import.meta.url, () => {
  Deno.test("a proxy that agents tell, in front of real members", async (t) => {
    await using cluster = await AgentCluster.running({ dcs: "etcd" });
    await using proxy = new ToldProxy(cluster);
    const scene = { cluster, proxy };
    const switched = async (from: string, to: string): Promise<void> => {
      const { status, text } = await cluster.member(from).rest("/switchover", {
        method: "POST",
        body: { leader: from, candidate: to },
      });
      assert.equal(status, 200, text);
      await leads(scene, to);
    };
    await step(
      t,
      "writers reach the leader, readers the replicas",
      async () => {
        await leads(scene, "n1");
        const replicas = cluster.others("n1").map(({ place }) =>
          place.postgresPort
        );
        await cluster.until("a reader is served", async () => {
          const port = await visit(proxy.replica).catch(() => null);
          return replicas.some((one) => one === port);
        });
      },
    );
    await step(t, "it follows a switchover", () => switched("n1", "n2"));
    await step(t, "it follows one while an agent is frozen", async () => {
      await cluster.untilWhole();
      const frozen = cluster.member("n3");
      frozen.signal("SIGSTOP");
      try {
        await switched("n2", "n1");
      } finally {
        frozen.signal("SIGCONT");
      }
    });
    await step(t, "it follows when the leader is lost", async () => {
      await cluster.untilWhole();
      await cluster.member("n1").killAll();
      await cluster.expireLeader();
      const next = await cluster.untilLeader(["n2", "n3"]);
      await leads(scene, next.name);
    });
  });
});
