/**
 * A live scope moves from an etcd of somebody else's to one of its own, and away
 * again, host by host, while clients write and connect through every proxy. Prints
 * the longest time without an acknowledged write, which no check looks at.
 */
import assert from "node:assert/strict";
import { stringify } from "yaml";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import {
  type AgentMember,
  connectTo,
  type Section,
} from "../helpers/agent_member.ts";
import { EtcdServers } from "../helpers/etcd.ts";
import { etcdFolder, managedEtcdSkipReason } from "../helpers/etcd_members.ts";
import { freePorts } from "../helpers/free_ports.ts";
import { pidsWith } from "../helpers/own_processes.ts";
import { matriarchCommand } from "../helpers/program.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";

const skipReason = managedEtcdSkipReason();
const COMMAND_LIMIT_MS = 150_000;

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "a live scope moves to a store of its own, and back" +
      (skipReason === null ? "" : ` (skipped: ${skipReason})`),
    ignore: skipReason !== null,
    fn: async (t) => {
      await using cluster = await AgentCluster.running({
        ...{ isQuick: true, hasProxies: true, dcs: "etcd" },
        bootstrapDcs: { synchronous_mode: true },
      });
      await WritableWatch.prepare(cluster.member("n1"));
      await using watch = new WritableWatch(cluster.members);
      const scene = { t, cluster, watch };
      await toOwnStore(scene);
      await using other = await EtcdServers.start();
      await away(scene, other);
      await formerKeysEnd(scene);
      await watch.end();
      assert.deepEqual(watch.violations(), []);
    },
  });
});

interface Scene {
  readonly t: Deno.TestContext;
  readonly cluster: AgentCluster;
  readonly watch: WritableWatch;
}

async function toOwnStore(scene: Scene): Promise<void> {
  const { t, cluster } = scene;
  const ports = freePorts(6);
  const address = (index: number): string => `127.0.0.1:${ports[index]}`;
  const folder = etcdFolder();
  const nextOf = (member: AgentMember): Section => {
    const at = 2 * cluster.members.indexOf(member);
    return {
      ...member.config,
      etcd3: {
        ...{ managed: true, data_dir: `${member.place.directory}/etcd` },
        connect_address: address(at),
        peer_connect_address: address(at + 1),
        ...{ heartbeat_interval: 200, election_timeout: 2_000 },
        ...(folder === null ? {} : { etcd_bin: folder }),
      },
    };
  };
  await step(
    t,
    "a store of its own runs before any agent uses it",
    async () => {
      for (const member of cluster.members) {
        await writeNext(member, nextOf(member));
        const words = member.name === "n1"
          ? ["found", "--here"]
          : ["join", address(0), "--here"];
        const { code, text } = await run(nextPath(member), ["etcd", ...words]);
        assert.equal(code, 0, text);
        assert.match(text, /goes on without this command/);
      }
      const again = ["etcd", "found", "--here"];
      const { code } = await run(nextPath(cluster.member("n1")), again);
      assert.equal(code, 0, "given again, it changes nothing");
    },
  );
  await step(t, "what cannot be is refused, and changes nothing", async () => {
    const [n1, n2] = [cluster.member("n1"), cluster.member("n2")];
    const early = await migrate(n2).end;
    assert.match(early.text, /n1 leads: its host moves first/);
    const same = await run(n1.configPath, ["etcd", "migrate", n1.configPath]);
    assert.match(same.text, /is what is in force/);
    const asked = await run(n1.configPath, ["etcd", "migrate", nextPath(n1)]);
    assert.match(asked.text, /Pause batman and start the agent of n1/);
    assert.equal(asked.code, 1);
    assert.equal((await cluster.keys())["migration"], undefined);
  });
  await moveAll(scene, nextOf, "to its own store");
  await step(t, "the own store carries a switchover", async () => {
    const name = await cluster.until("somebody is synchronous", async () => {
      const list = await cluster.list();
      return list.find(({ role }) => role === "sync_standby")?.name ?? null;
    });
    const words = ["switchover", "batman", "--force", "--candidate", name];
    const { text, code } = await run(cluster.member("n1").configPath, words);
    assert.equal(code, 0, text);
    assert.match(text, /Successfully switched over/);
    assert.equal((await cluster.untilWhole()).name, name);
  });
}

async function away(scene: Scene, other: EtcdServers): Promise<void> {
  const { t, cluster } = scene;
  const section = (servers: EtcdServers): Section => ({
    etcd3: { hosts: servers.endpoints.map((url) => new URL(url).host) },
  });
  await step(t, "a store that has the scope already is refused", async () => {
    const leader = await cluster.untilWhole();
    assert.ok(cluster.etcd !== null);
    const next = { ...leader.config, ...section(cluster.etcd) };
    await writeNext(leader, next);
    const { text } = await migrate(leader).end;
    assert.match(text, /The next store already has a cluster batman/);
  });
  const nextOf = ({ config }: AgentMember): Section => ({
    ...config,
    ...section(other),
  });
  for (const member of cluster.members) await writeNext(member, nextOf(member));
  await moveAll(scene, nextOf, "away");
  await step(t, "the former store ends, host by host", async () => {
    for (const member of cluster.members) {
      const { text, code } = await migrate(member).end;
      assert.equal(code, 0, text);
      const word = `--data-dir=${member.place.directory}/etcd/etcd`;
      assert.deepEqual(pidsWith(word), []);
    }
    await cluster.untilWhole();
  });
}

/** A minute after the move at the latest. */
async function formerKeysEnd({ t, cluster }: Scene): Promise<void> {
  await step(t, "the first store leads nobody astray", async () => {
    const keys = await cluster.until("its keys end", async () => {
      const now = await cluster.keys();
      return now["leader"] === undefined && now;
    }, 90_000);
    const left = Object.keys(keys).filter((key) => key.startsWith("members/"));
    assert.deepEqual(left, []);
    assert.ok(JSON.parse(keys["config"] ?? "{}").pause);
  });
}

/** The leader's host first. */
async function moveAll(
  { t, cluster, watch }: Scene,
  nextOf: (member: AgentMember) => Section,
  title: string,
): Promise<void> {
  const first = watch.acknowledged.length;
  const leader = await cluster.untilWhole();
  await using visitors = new Visitors(cluster.members);
  for (const member of [leader, ...cluster.others(leader.name)]) {
    await step(t, `${title}: ${member.name}`, async () => {
      const next = nextOf(member);
      await writeNext(member, next);
      const { told, end } = migrate(member);
      await told(/Start the agent of \w+ anew now/);
      member.config = next;
      await member.end();
      member.start();
      const { code, text } = await end;
      assert.equal(code, 0, text);
      assert.match(text, new RegExp(`${member.name} is in the next store`));
    });
  }
  await step(t, `${title}: whole, and no row is lost`, async () => {
    const now = await cluster.untilWhole();
    await visitors.end();
    assert.deepEqual(visitors.failures, [], cluster.logs());
    assert.equal(now.name, leader.name);
    const shown = await now.rest("/cluster");
    assert.equal(JSON.parse(shown.text).pause, undefined);
    const lost = await watch.lostOn(now);
    assert.deepEqual(lost, []);
    const times = watch.acknowledged.slice(first).map((ack) => ack.answeredAt);
    const gaps = times.slice(1).map((at, i) => at - (times[i] ?? at));
    const gap = Math.round(Math.max(...gaps));
    console.log(`${title}: ${times.length} rows, longest gap ${gap} ms`);
  });
}

function nextPath({ place }: AgentMember): string {
  return `${place.directory}/next.yml`;
}

async function writeNext(member: AgentMember, next: Section): Promise<void> {
  await Deno.writeTextFile(nextPath(member), stringify(next));
}

interface End {
  readonly code: number;
  readonly text: string;
}

async function run(path: string, words: readonly string[]): Promise<End> {
  const { code, stdout, stderr } = await matriarchCommand([
    ...["-c", path, ...words],
  ], {
    stdin: "null",
    signal: AbortSignal.timeout(COMMAND_LIMIT_MS),
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** The command, and how to wait for its words. */
function migrate(member: AgentMember): {
  readonly told: (words: RegExp) => Promise<void>;
  readonly end: Promise<End>;
} {
  const child = matriarchCommand([
    ...["-c", member.configPath, "etcd", "migrate", nextPath(member)],
    ...["--force", "--no-restart"],
  ], {
    ...{ stdin: "null", stdout: "piped", stderr: "piped" },
    signal: AbortSignal.timeout(COMMAND_LIMIT_MS),
  }).spawn();
  let text = "";
  const waiting = new Set<() => void>();
  const gather = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      text += decoder.decode(chunk, { stream: true });
      for (const look of waiting) look();
    }
  };
  const end = Promise.all([
    ...[child.status, gather(child.stdout), gather(child.stderr)] as const,
  ]).then(([{ code }]) => ({ code, text }));
  const told = (words: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (words.test(text)) resolve();
      };
      waiting.add(look);
      look();
      end.then(() => reject(new Error(`it ended without saying so: ${text}`)));
    });
  return { told, end };
}

/** Clients that connect anew through each proxy's leader port, all the time. */
class Visitors implements AsyncDisposable {
  readonly failures: string[] = [];
  readonly #loops: readonly Promise<void>[];
  #isOver = false;

  constructor(members: readonly AgentMember[]) {
    this.#loops = members.map((member) => this.#visit(member));
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  async #visit({ name, place }: AgentMember): Promise<void> {
    const port = place.proxyPorts?.primary ?? 0;
    while (!this.#isOver) {
      const sql = connectTo(port, { connect_timeout: 20, backoff: false });
      try {
        const [row] = await sql`SELECT pg_is_in_recovery() AS is_replica`;
        if (row?.["is_replica"] !== false) {
          this.failures.push(`${name}: led to a replica`);
        }
      } catch (error) {
        this.failures.push(`${new Date().toISOString()} ${name}: ${error}`);
      } finally {
        await sql.end({ timeout: 0 });
      }
    }
  }
}
