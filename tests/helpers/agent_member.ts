/**
 * One member under test: a real agent process (`matriarch run CONFIG`) with its
 * PostgreSQL and, if wanted, its proxy, in its own directory on free ports.
 */
import { readFileSync } from "node:fs";
import postgres from "postgres";
import { stringify } from "yaml";
import { BIN_DIR } from "./postgres.ts";
import { matriarch } from "./program.ts";
import { tiedArgs } from "./tied_command.ts";
import { commandLine, isAlive, pidsWith, signalTo } from "./own_processes.ts";

const REPOSITORY = new URL("../../", import.meta.url).pathname;

/** A JSON or YAML object. */
export type Section = Readonly<Record<string, unknown>>;

/** Every account's password, by its name. */
export const PASSWORDS = {
  postgres: "super secret",
  replicator: "rep:li'cate",
  rewinder: "re wind",
} as const;

/** Where a member lives. */
export interface MemberPlace {
  readonly name: string;
  readonly directory: string;
  readonly postgresPort: number;
  readonly restPort: number;
  /** Null: `proxy: false`. */
  readonly proxyPorts: ProxyPorts | null;
}

/** Ports of a member's proxy. */
export interface ProxyPorts {
  readonly primary: number;
  readonly replica: number;
  readonly stats: number;
}

/** How an agent ended. */
export interface AgentEnd {
  readonly code: number;
  readonly signal: Deno.Signal | null;
}

/** What every member has in its directory. */
const ALWAYS = [
  "member.yml",
  "agent.log",
  ".data.matriarch-consent",
  ".data.matriarch-run",
];

/** A member's processes and ways to ask them. */
export class AgentMember {
  readonly place: MemberPlace;
  /** Contents of its configuration file; written at each start. */
  config: Section;
  /** What the test's environment adds to the agent's. */
  environment: Readonly<Record<string, string>> = {};
  /** Program and arguments before the configuration's path; null: this project. */
  program: readonly string[] | null = null;
  #child: Deno.ChildProcess | null = null;

  constructor(place: MemberPlace, config: Section) {
    this.place = place;
    this.config = config;
  }

  get name(): string {
    return this.place.name;
  }

  /** As its configuration says. */
  /** What is in the member's directory beside its file, its log and what an agent keeps there. */
  otherFiles(): readonly string[] {
    return [...Deno.readDirSync(this.place.directory)]
      .map(({ name }) => name)
      .filter((name) => !ALWAYS.includes(name))
      .sort();
  }

  get dataDir(): string {
    const { data_dir: path } = Object(this.config["postgresql"]);
    return String(path);
  }

  get configPath(): string {
    return `${this.place.directory}/member.yml`;
  }

  get #logPath(): string {
    return `${this.place.directory}/agent.log`;
  }

  /** The agent's process id; it is an error to ask while none was started. */
  get pid(): number {
    if (this.#child === null) throw new Error(`${this.name} has no agent`);
    return this.#child.pid;
  }

  /** Writes the configuration file as it stands in {@link config}. */
  writeConfig(): void {
    Deno.mkdirSync(this.place.directory, { recursive: true });
    Deno.writeTextFileSync(this.configPath, stringify(this.config));
  }

  /** Starts the agent; what it writes is appended to one log. */
  start(): void {
    this.writeConfig();
    this.#child = new Deno.Command("sh", {
      // Who ends the test run ends its agents, and these their servers.
      args: tiedArgs(this.#logPath, [
        ...(this.program ?? matriarch("run")),
        this.configPath,
      ]),
      cwd: REPOSITORY,
      env: { HOME: this.place.directory, ...this.environment },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Sends a signal to the agent alone. */
  signal(signal: Deno.Signal): void {
    signalTo(this.pid, signal);
  }

  /** Resolves when the agent has ended. */
  async ended(): Promise<AgentEnd> {
    if (this.#child === null) throw new Error(`${this.name} has no agent`);
    const { code, signal } = await this.#child.status;
    return { code, signal };
  }

  /** Ends the agent with a signal and waits for it. */
  async end(signal: Deno.Signal = "SIGTERM"): Promise<AgentEnd> {
    this.signal(signal);
    return await this.ended();
  }

  /** SIGKILL for agent, proxy and PostgreSQL, like the loss of the machine. */
  async killAll(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended();
    const proxy = this.proxyPid();
    if (proxy !== null) signalTo(proxy, "SIGKILL");
    this.killPostmaster();
  }

  /** SIGKILL for the postmaster; its children end by themselves. */
  killPostmaster(): void {
    const pid = this.postmasterPid();
    if (pid === null) throw new Error(`${this.name} has no postmaster`);
    signalTo(pid, "SIGKILL");
  }

  /**
   * SIGSTOP for the WAL senders: what is written from now on reaches nobody.
   * Returns their process ids; a killed postmaster does not end frozen children.
   */
  async freezeReplication(): Promise<readonly number[]> {
    const rows = await this.sql("SELECT pid FROM pg_stat_replication");
    const pids = rows.map((row) => Number(row["pid"]));
    for (const pid of pids) signalTo(pid, "SIGSTOP");
    return pids;
  }

  /** The running postmaster's process id, or null. */
  postmasterPid(): number | null {
    try {
      const text = readFileSync(`${this.dataDir}/postmaster.pid`, "utf8");
      const pid = Number(text.split("\n")[0]);
      return isAlive(pid) ? pid : null;
    } catch {
      return null;
    }
  }

  /** The proxy's process id, or null. */
  proxyPid(): number | null {
    return pidsWith(this.configPath).find((pid) =>
      commandLine(pid).includes(` proxy `)
    ) ?? null;
  }

  /** All that the agent wrote so far. */
  log(): string {
    try {
      return readFileSync(this.#logPath, "utf8");
    } catch {
      return "";
    }
  }

  /** The last lines of its log, without the requests that tests make. */
  logEnd(lines = 25): string {
    const kept = this.log().trimEnd().split("\n").filter((line) =>
      !/DEBUG: (API thread:|no action|updating leader lock)/.test(line)
    );
    return kept.slice(-lines).join("\n");
  }

  /** Calls the REST API. */
  async rest(
    path: string,
    options: { readonly method?: string; readonly body?: unknown } = {},
  ): Promise<{ readonly status: number; readonly text: string }> {
    const { method = "GET", body } = options;
    const response = await fetch(
      `http://127.0.0.1:${this.place.restPort}${path}`,
      {
        method,
        signal: AbortSignal.timeout(60_000),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
    );
    return { status: response.status, text: await response.text() };
  }

  /** `GET /patroni`; null while nobody answers. */
  async status(): Promise<Section | null> {
    try {
      return JSON.parse((await this.rest("/patroni")).text);
    } catch {
      return null;
    }
  }

  /** Runs statements as superuser on this member's own PostgreSQL. */
  async sql(text: string): Promise<readonly Section[]> {
    return await runSql(this.place.postgresPort, text);
  }
}

/** Runs statements as superuser through a port. */
export async function runSql(
  port: number,
  text: string,
): Promise<readonly Section[]> {
  const connection = connectTo(port);
  try {
    return await connection.unsafe(text);
  } finally {
    await connection.end({ timeout: 1 });
  }
}

/** One session as superuser. */
export function connectTo(
  port: number,
  options: postgres.Options<Record<string, never>> = {},
): postgres.Sql {
  return postgres({
    host: "127.0.0.1",
    port,
    username: "postgres",
    password: PASSWORDS.postgres,
    database: "postgres",
    max: 1,
    connect_timeout: 15,
    idle_timeout: 0,
    max_lifetime: null,
    fetch_types: false,
    onnotice: () => {},
    ...options,
  });
}

/** The configuration of a member, without its DCS. */
export function memberConfig(place: MemberPlace): Section {
  const { postgresPort, restPort, proxyPorts, directory } = place;
  const authentication = {
    superuser: { username: "postgres", password: PASSWORDS.postgres },
    replication: { username: "replicator", password: PASSWORDS.replicator },
    rewind: { username: "rewinder", password: PASSWORDS.rewinder },
  };
  return {
    scope: "batman",
    name: place.name,
    restapi: {
      listen: `127.0.0.1:${restPort}`,
      connect_address: `127.0.0.1:${restPort}`,
    },
    bootstrap: {
      dcs: {},
      initdb: [
        { encoding: "UTF8" },
        { locale: "C" },
        "no-sync",
        // What follows decides how PostgreSQL 13 encrypts the superuser's password.
        { "auth-host": "scram-sha-256" },
      ],
    },
    postgresql: {
      listen: `127.0.0.1:${postgresPort}`,
      connect_address: `127.0.0.1:${postgresPort}`,
      data_dir: `${directory}/data`,
      bin_dir: BIN_DIR,
      pgpass: `${directory}/pgpass`,
      authentication,
      basebackup: [{ checkpoint: "fast" }, "no-sync"],
      parameters: {
        unix_socket_directories: directory,
        fsync: "off",
        shared_buffers: "16MB",
        // The default of PostgreSQL 13 is md5.
        password_encryption: "scram-sha-256",
        wal_retrieve_retry_interval: "500ms",
      },
      pg_hba: [
        "local all all trust",
        "host all all 127.0.0.1/32 scram-sha-256",
        "host replication replicator 127.0.0.1/32 scram-sha-256",
      ],
    },
    proxy: proxyPorts === null ? false : {
      listen: "127.0.0.1",
      primary_port: proxyPorts.primary,
      replica_port: proxyPorts.replica,
      stats_port: proxyPorts.stats,
    },
    log: { level: "DEBUG" },
  };
}
