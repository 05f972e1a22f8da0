/**
 * A scope of real members for integration tests: agents as processes, PostgreSQL
 * 15, a SQLite file or a private etcd. Waits through REST with deadlines; a wait
 * that fails tells the last observation and the members' last log lines.
 * Disposing it ends every process that carries its directory in its command line.
 * Must run as an ordinary user (see `unprivileged.ts`).
 */
import { basename } from "node:path";
import assert from "node:assert/strict";
import { SystemClock } from "../../lib/adapters/os/clock.ts";
import { openDcs } from "../../lib/compose/dcs.ts";
import { Wanted } from "../../lib/config/fields.ts";
import { readStore, type StoreConfig } from "../../lib/config/stores/all.ts";
import type { Dcs } from "../../lib/ports/dcs.ts";
import {
  AgentMember,
  memberConfig,
  type MemberPlace,
  type Section,
} from "./agent_member.ts";
import { ConsulServer } from "./consul.ts";
import { EtcdServers } from "./etcd.ts";
import { endAllWith } from "./own_processes.ts";
import { quickAgent } from "./program.ts";
import { untilIt } from "./wait.ts";
import { freePorts } from "./free_ports.ts";

const LIMITS = { timeoutMs: 5_000 };
const WAIT_LIMIT_MS = 60_000;
const LOOK_AGAIN_MS = 100;

/** What a test wants. */
export interface ClusterOptions {
  readonly dcs?: "sqlite" | "etcd" | "consul";
  /** The section of another store, which the test runs itself. */
  readonly store?: Section;
  readonly members?: number;
  readonly hasProxies?: boolean;
  /** The members' lease ends in seconds: {@link QUICK_TIMES}. */
  readonly isQuick?: boolean;
  /** Merged over the test's `bootstrap.dcs`. */
  readonly bootstrapDcs?: Section;
  /** Changes a member's configuration before its first start. */
  readonly change?: (config: Section, place: MemberPlace) => Section;
}

/** One member in `GET /cluster`. */
export interface ListedMember extends Section {
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly timeline?: number;
  readonly lag?: number | string;
}

/** Members of one scope and their store. */
export class AgentCluster implements AsyncDisposable {
  readonly directory: string;
  readonly etcd: EtcdServers | null;
  readonly consul: ConsulServer | null;
  readonly members: readonly AgentMember[];
  readonly #dcs: Section;

  private constructor(parts: {
    readonly directory: string;
    readonly etcd: EtcdServers | null;
    readonly consul: ConsulServer | null;
    readonly dcs: Section;
    readonly members: readonly AgentMember[];
  }) {
    this.directory = parts.directory;
    this.etcd = parts.etcd;
    this.consul = parts.consul;
    this.#dcs = parts.dcs;
    this.members = parts.members;
  }

  /** Makes the store and the members' files; starts no agent. */
  static async create(options: ClusterOptions = {}): Promise<AgentCluster> {
    const directory = await Deno.makeTempDir({ prefix: "matriarch-agents-" });
    const etcd = options.dcs === "etcd" ? await EtcdServers.start() : null;
    const consul = options.dcs === "consul" ? await ConsulServer.start() : null;
    const dcs: Section = options.store !== undefined
      ? options.store
      : etcd !== null
      ? { etcd3: { hosts: etcd.endpoints.map((url) => new URL(url).host) } }
      : consul !== null
      ? { consul: { url: consul.endpoint } }
      : { sqlite: { path: `${directory}/dcs.sqlite` } };
    const places = planPlaces(directory, options);
    const members = places.map((place) =>
      newMember(place, configOf(place, dcs, options), options)
    );
    return new AgentCluster({ directory, etcd, consul, dcs, members });
  }

  /** A scope whose first member leads and whose others stream. */
  static async running(options: ClusterOptions = {}): Promise<AgentCluster> {
    const cluster = await AgentCluster.create(options);
    try {
      await cluster.startAll();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts the members, n1 first so that it leads, and waits until all is well. */
  async startAll(): Promise<void> {
    this.members[0]?.start();
    await this.untilLeader(["n1"]);
    for (const member of this.members.slice(1)) member.start();
    await this.untilWhole();
  }

  member(name: string): AgentMember {
    const found = this.members.find((member) => member.name === name);
    assert.ok(found !== undefined, `there is no member ${name}`);
    return found;
  }

  /** All but one. */
  others(name: string): readonly AgentMember[] {
    return this.members.filter((member) => member.name !== name);
  }

  /** The values of all keys in the store, by key. */
  async keys(): Promise<Readonly<Record<string, string>>> {
    return await this.withDcs(async (dcs) => {
      const { entries } = await dcs.readFresh(LIMITS);
      return Object.fromEntries(entries.map((e) => [e.key, e.value]));
    });
  }

  /** One key's JSON, or null. */
  async key(name: string): Promise<unknown> {
    const text = (await this.keys())[name];
    return text === undefined ? null : JSON.parse(text);
  }

  /** Writes one key unconditionally, as an operator's tool would. */
  async put(key: string, value: string): Promise<void> {
    await this.withDcs(async (dcs) => {
      const edit = { kind: "put", key, value, session: null } as const;
      await dcs.write({ when: [], edits: [edit] }, LIMITS);
    });
  }

  /** The leader key is gone, as if its lease had run out just now. */
  async expireLeader(): Promise<void> {
    await this.withDcs(async (dcs) => {
      const edit = { kind: "delete", key: "leader" } as const;
      await dcs.write({ when: [], edits: [edit] }, LIMITS);
    });
  }

  /** A connection to the scope's keys for the time of `use`. */
  async withDcs<T>(use: (dcs: Dcs) => Promise<T>): Promise<T> {
    const dcs = await openDcs({
      config: storeOf(this.#dcs),
      namespace: "service",
      scope: "batman",
      group: null,
    }, { clock: new SystemClock() });
    try {
      return await use(dcs);
    } finally {
      await dcs.close();
    }
  }

  /** The configuration section of the store. */
  get dcsSection(): Section {
    return this.#dcs;
  }

  /** `GET /cluster` of the first member that answers. */
  async list(): Promise<readonly ListedMember[]> {
    for (const member of this.members) {
      try {
        const { status, text } = await member.rest("/cluster");
        if (status === 200) return JSON.parse(text).members;
      } catch {
        // Ask the next.
      }
    }
    return [];
  }

  /** The member that the store names as leader and that is writable; waits for it. */
  async untilLeader(
    among: readonly string[] = this.members.map(({ name }) => name),
    limitMs = WAIT_LIMIT_MS,
  ): Promise<AgentMember> {
    const what = `one of ${among.join(", ")} leads`;
    const leader = await this.until(what, async () => {
      const name = (await this.keys())["leader"] ?? "";
      if (!among.includes(name)) return null;
      const member = this.member(name);
      const status = await member.status();
      const isWritable = status?.["role"] === "primary" &&
        status["state"] === "running";
      return isWritable ? member : null;
    }, limitMs);
    return leader;
  }

  /** One leader, and every other member streams on its timeline; returns the leader. */
  async untilWhole(limitMs = WAIT_LIMIT_MS): Promise<AgentMember> {
    const name = await this.until("the scope is whole", async () => {
      const list = await this.list();
      const leader = list.find(({ role }) => role === "leader");
      const isWhole = leader?.state === "running" &&
        list.length === this.members.length &&
        list.every((member) =>
          member.timeline === leader.timeline &&
          (member === leader || member.state === "streaming")
        );
      return isWhole && await this.#isLive(leader.name) ? leader.name : null;
    }, limitMs);
    return this.member(name);
  }

  /** The members say the same of themselves right now; keys may be a cycle old. */
  async #isLive(leader: string): Promise<boolean> {
    const looks = this.members.map(async (member) => {
      const status = await member.status();
      return status?.["state"] === "running" &&
        (member.name === leader
          ? status["role"] === "primary"
          : status["role"] === "replica" &&
            status["replication_state"] === "streaming");
    });
    return !(await Promise.all(looks)).includes(false);
  }

  /** Waits until `look` gives something other than null or false. */
  async until<T>(
    what: string,
    look: () => Promise<T | null | false>,
    limitMs = WAIT_LIMIT_MS,
  ): Promise<T> {
    const report = () => this.#report();
    return await untilIt(what, look, { limitMs, report });
  }

  /** Everything that the members logged. */
  logs(): string {
    return this.members.map((m) => `--- ${m.name}\n${m.log()}`).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.etcd?.thaw();
    await endAllWith(this.directory);
    for (const member of this.members) await member.ended().catch(() => {});
    await this.etcd?.[Symbol.asyncDispose]();
    await this.consul?.[Symbol.asyncDispose]();
    await keepLogs(this);
    await removeFolder(this.directory);
  }

  async #report(): Promise<string> {
    const list = await this.list();
    const keys = await this.keys().catch((error) => String(error));
    const tails = this.members.map((m) => `--- ${m.name}\n${m.logEnd()}`);
    return `/cluster: ${Deno.inspect(list, { depth: 4, breakLength: 200 })}\n` +
      `keys: ${Deno.inspect(keys, { breakLength: 200 })}\n${tails.join("\n")}`;
  }
}

/** The store of a member's section. */
function storeOf(section: Section): StoreConfig {
  const config = readStore({ ...section });
  if (config instanceof Wanted) throw new Error(config.text);
  return config;
}

function planPlaces(
  directory: string,
  options: ClusterOptions,
): readonly MemberPlace[] {
  const count = options.members ?? 3;
  const ports = freePorts(5 * count);
  const port = (at: number): number => ports[at] ?? 0;
  return Array.from({ length: count }, (_, i) => ({
    name: `n${i + 1}`,
    directory: `${directory}/n${i + 1}`,
    postgresPort: port(5 * i),
    restPort: port(5 * i + 1),
    proxyPorts: options.hasProxies === true
      ? {
        primary: port(5 * i + 2),
        replica: port(5 * i + 3),
        stats: port(5 * i + 4),
      }
      : null,
  }));
}

function configOf(
  place: MemberPlace,
  dcs: Section,
  options: ClusterOptions,
): Section {
  const config = memberConfig(place);
  const complete = {
    ...config,
    ...dcs,
    bootstrap: {
      ...sectionOf(config, "bootstrap"),
      dcs: {
        ...BOOTSTRAP_DCS,
        ...(options.isQuick === true ? QUICK_TIMES : {}),
        ...options.bootstrapDcs,
      },
    },
  };
  return options.change?.(complete, place) ?? complete;
}

function newMember(
  place: MemberPlace,
  config: Section,
  { isQuick = false }: ClusterOptions,
): AgentMember {
  const member = new AgentMember(place, config);
  if (isQuick) member.program = quickAgent();
  return member;
}

/**
 * Times of a scope in which leases really end while a test waits. A busy machine
 * may let an agent stand for four seconds before it costs the lead.
 */
export const QUICK_TIMES = { ttl: 7, loop_wait: 1, retry_timeout: 2 } as const;

/** Short times, and all that tests look at. */
const BOOTSTRAP_DCS: Section = {
  ttl: 20,
  loop_wait: 1,
  retry_timeout: 3,
  maximum_lag_on_failover: 1_048_576,
  postgresql: {
    use_pg_rewind: true,
    parameters: { max_connections: 30, wal_keep_size: "64MB" },
  },
};

/** A part of a configuration. */
export function sectionOf(config: Section, name: string): Section {
  const found = config[name];
  return typeof found === "object" && found !== null
    ? Object.fromEntries(Object.entries(found))
    : {};
}

/** Children of a killed postmaster may still remove files of their own. */
async function removeFolder(path: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      return await Deno.remove(path, { recursive: true });
    } catch (error) {
      const isThere = await Deno.stat(path).then(() => true, () => false);
      if (!isThere) return;
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }
}

/** `MATRIARCH_TEST_LOGS` names a folder for the members' logs, for developers. */
async function keepLogs(cluster: AgentCluster): Promise<void> {
  const folder = Deno.env.get("MATRIARCH_TEST_LOGS");
  if (folder === undefined) return;
  for (const member of cluster.members) {
    await Deno.writeTextFile(
      `${folder}/${basename(cluster.directory)}-${member.name}.log`,
      member.log(),
    );
  }
}
