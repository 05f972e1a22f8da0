/**
 * One member on its own host: agent, proxy and PostgreSQL as an ordinary user,
 * on the ports that users know. Knows how to find its processes and how to ask
 * them; what is done to them is in faults.ts.
 */
import { readFileSync } from "node:fs";
import postgres from "postgres";
import { stringify } from "yaml";
import {
  type AgentEnd,
  PASSWORDS,
  type Section,
} from "../../helpers/agent_member.ts";
import { commandLine, isAlive, pidsWith } from "../../helpers/own_processes.ts";
import { launch } from "./launch.ts";
import type { Host } from "./network.ts";

/** PostgreSQL, REST and the proxy's ports. */
export const PORTS = {
  postgres: 5432,
  rest: 8008,
  primary: 5000,
  replica: 6000,
  stats: 7000,
} as const;

const SQL_MAX_MS = 20_000;

/** What a member is made of. */
interface MemberParts {
  readonly directory: string;
  readonly config: Section;
  readonly env: Readonly<Record<string, string>>;
  /** The agent; its configuration file comes after these words. */
  readonly program: readonly string[];
}

/** A member of the scope `batman`. */
export class BenchMember {
  readonly host: Host;
  readonly directory: string;
  /** Contents of its configuration file; written at each start. */
  config: Section;
  readonly #parts: MemberParts;
  #child: Deno.ChildProcess | null = null;

  constructor(host: Host, parts: MemberParts) {
    this.host = host;
    this.directory = parts.directory;
    this.config = parts.config;
    this.#parts = parts;
  }

  get name(): string {
    return this.host.name;
  }

  get configPath(): string {
    return `${this.directory}/member.yml`;
  }

  /** Where the file system of the data directory is. */
  get dataDisk(): string {
    return `${this.directory}/disk`;
  }

  /** Where the file system of `pg_wal` is. */
  get walDisk(): string {
    return `${this.directory}/wal`;
  }

  /** Starts the agent. */
  start(): void {
    Deno.writeTextFileSync(this.configPath, stringify(this.config));
    const { program, env } = this.#parts;
    const variables = { ...env, ...fakeClock(this.#clockPath) };
    this.#child = launch({
      host: this.host,
      command: [
        // Not for the programs in front, which run as root.
        ...["env", ...Object.entries(variables).map((pair) => pair.join("="))],
        ...[...program, this.configPath],
      ],
      env: { HOME: this.directory },
      log: `${this.directory}/agent.log`,
      mayCarryAddresses: true,
    });
  }

  /** Starts the agent when the one before has ended; waits for that. */
  async startAgain(): Promise<void> {
    const child = this.#child;
    await this.ended();
    // Two faults at once may both start it again.
    if (this.#child === child) this.start();
  }

  /** How the agent that was started last ended; waits for it. */
  async ended(): Promise<AgentEnd | null> {
    if (this.#child === null) return null;
    const { code, signal } = await this.#child.status;
    return { code, signal };
  }

  /** So many seconds the clock of its next and its running processes is wrong; needs a bench with `clocks`. */
  async setClock(seconds: number): Promise<void> {
    const sign = seconds < 0 ? "" : "+";
    await Deno.writeTextFile(this.#clockPath, `${sign}${seconds}\n`);
  }

  get #clockPath(): string {
    return `${this.directory}/clock`;
  }

  /** The agent's process id, or null. */
  agentPid(): number | null {
    // Each word of the command replaced itself by the next.
    const pid = this.#child?.pid ?? null;
    return pid !== null && isAlive(pid) ? pid : null;
  }

  /** What the kernel says of the agent, for reports: state, and what it waits for. */
  agentState(): string {
    const pid = this.agentPid();
    if (pid === null) return "no agent";
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const waits = readFileSync(`/proc/${pid}/wchan`, "utf8");
      return `agent ${pid} ${stat.split(" ")[2]} ${waits}`;
    } catch {
      return `agent ${pid} just ended`;
    }
  }

  /** The proxy's process id, or null. */
  proxyPid(): number | null {
    return pidsWith(this.configPath).find((pid) =>
      commandLine(pid).includes(" proxy ")
    ) ?? null;
  }

  /** The postmaster's process id, or null. */
  postmasterPid(): number | null {
    try {
      const path = `${this.dataDisk}/data/postmaster.pid`;
      const pid = Number(readFileSync(path, "utf8").split("\n")[0]);
      return isAlive(pid) ? pid : null;
    } catch {
      return null;
    }
  }

  /** `GET /patroni`; null while nobody answers. */
  async status(): Promise<Section | null> {
    try {
      return JSON.parse((await this.rest("GET", "/patroni")).text);
    } catch {
      return null;
    }
  }

  /** Calls the REST API, from outside. */
  async rest(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(
      `http://${this.host.address}:${PORTS.rest}${path}`,
      {
        method,
        signal: AbortSignal.timeout(method === "GET" ? 3_000 : 60_000),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
    );
    return { status: response.status, text: await response.text() };
  }

  /** Runs statements as superuser on this member's own PostgreSQL, from outside. */
  async sql(text: string): Promise<readonly Section[]> {
    const connection = postgres({
      host: this.host.address,
      port: PORTS.postgres,
      username: "postgres",
      password: PASSWORDS.postgres,
      database: "postgres",
      max: 1,
      connect_timeout: 5,
      idle_timeout: 0,
      max_lifetime: null,
      fetch_types: false,
      onnotice: () => {},
    });
    // A frozen server never answers.
    const limit = setTimeout(() => connection.end({ timeout: 0 }), SQL_MAX_MS);
    try {
      return await connection.unsafe(text);
    } finally {
      clearTimeout(limit);
      await connection.end({ timeout: 1 });
    }
  }

  /** The last lines of its log. */
  logEnd(lines = 30): string {
    return this.log().trimEnd().split("\n").filter((line) =>
      !line.includes("API thread")
    ).slice(-lines).join("\n");
  }

  /** All that the agent wrote. */
  log(): string {
    try {
      return readFileSync(`${this.directory}/agent.log`, "utf8");
    } catch {
      return "";
    }
  }
}

/**
 * Variables that make a file the clock of a program, if there is such a file:
 * wall clock only, looked at again each second.
 *
 * Source: libfaketime 0.9.10, README, "FAKETIME_TIMESTAMP_FILE".
 */
function fakeClock(path: string): Readonly<Record<string, string>> {
  try {
    Deno.statSync(path);
  } catch {
    return {};
  }
  return {
    LD_PRELOAD: FAKETIME_LIBRARY,
    FAKETIME_TIMESTAMP_FILE: path,
    FAKETIME_CACHE_DURATION: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
}

/** The loader knows what LIB is on this machine. */
const FAKETIME_LIBRARY = "/usr/$LIB/faketime/libfaketimeMT.so.1";

/** The configuration of a member; `change` comes on top of it. */
export function benchConfig(
  host: Host,
  parts: {
    readonly directory: string;
    readonly etcd: readonly Host[];
    /** The address that the primary carries. */
    readonly vip: string;
  },
): Section {
  const { directory, etcd } = parts;
  const { address } = host;
  const waldir = `${directory}/wal/pg_wal`;
  const account = (username: keyof typeof PASSWORDS) => ({
    username,
    password: PASSWORDS[username],
  });
  return {
    scope: "batman",
    name: host.name,
    restapi: {
      listen: `${address}:${PORTS.rest}`,
      connect_address: `${address}:${PORTS.rest}`,
    },
    etcd3: { hosts: etcd.map((node) => `${node.address}:2379`) },
    bootstrap: {
      dcs: BOOTSTRAP_DCS,
      initdb: [{ encoding: "UTF8" }, { locale: "C" }, { waldir }, "no-sync"],
    },
    postgresql: {
      listen: `*:${PORTS.postgres}`,
      connect_address: `${address}:${PORTS.postgres}`,
      data_dir: `${directory}/disk/data`,
      bin_dir: Deno.env.get("MATRIARCH_TEST_PG_BIN") ??
        "/usr/lib/postgresql/15/bin",
      pgpass: `${directory}/pgpass`,
      // pg_rewind fails on a disk that is still full.
      remove_data_directory_on_rewind_failure: true,
      authentication: {
        superuser: account("postgres"),
        replication: account("replicator"),
        rewind: account("rewinder"),
      },
      basebackup: [{ checkpoint: "fast" }, { waldir }, "no-sync"],
      parameters: {
        unix_socket_directories: directory,
        shared_buffers: "16MB",
        wal_retrieve_retry_interval: "500ms",
        wal_sender_timeout: "8s",
        logging_collector: "on",
        log_directory: `${directory}/log`,
      },
      pg_hba: [
        "local all all trust",
        "host all all 0.0.0.0/0 scram-sha-256",
        "host replication replicator 0.0.0.0/0 scram-sha-256",
      ],
    },
    proxy: {
      listen: "*",
      primary_port: PORTS.primary,
      replica_port: PORTS.replica,
      stats_port: PORTS.stats,
    },
    vip: [{ address: parts.vip, interface: "eth0" }],
    watchdog: { mode: "off" },
    log: { level: "DEBUG" },
  };
}

/** How long the members' lease lasts. */
export const LEASE_MS = 20_000;

/** Short times; commits wait for a replica, so that no acknowledged row may get lost. */
const BOOTSTRAP_DCS: Section = {
  ttl: LEASE_MS / 1_000,
  loop_wait: 2,
  retry_timeout: 3,
  synchronous_mode: true,
  maximum_lag_on_failover: 1_048_576,
  postgresql: {
    use_pg_rewind: true,
    parameters: {
      max_connections: 60,
      wal_keep_size: "64MB",
      max_wal_size: "64MB",
      min_wal_size: "32MB",
    },
  },
};
