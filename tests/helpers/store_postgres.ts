/**
 * A small PostgreSQL that keeps scopes, for tests: on a free port, ended with the
 * test. Can be frozen with all of its backends, copied as a standby, promoted.
 * Must run as an ordinary user (see `unprivileged.ts`).
 */
import postgres from "postgres";
import { freePort } from "./free_ports.ts";
import { memoryFolder } from "./memory_folder.ts";
import { BIN_DIR } from "./postgres.ts";

const START_LIMIT_MS = 60_000;
const STOPPED_MS_MAX = 5_000;
/** Of its superuser. */
export const STORE_PASSWORD = "store: it's @secret";

/** Settings by name. */
export type StoreParameters = Readonly<Record<string, string>>;

interface StoreStart {
  readonly parameters: StoreParameters;
  readonly environment: Readonly<Record<string, string>>;
}

/** A running server. */
export class StorePostgres implements AsyncDisposable {
  readonly port: number;
  readonly directory: string;
  readonly #child: Deno.ChildProcess;

  private constructor(
    directory: string,
    port: number,
    { parameters, environment }: StoreStart,
  ) {
    this.directory = directory;
    this.port = port;
    const settings = {
      port: String(port),
      listen_addresses: "127.0.0.1",
      unix_socket_directories: directory,
      shared_buffers: "16MB",
      max_connections: "60",
      max_wal_senders: "4",
      wal_level: "replica",
      ...parameters,
    };
    const words = Object.entries(settings).flatMap((
      [name, value],
    ) => ["-c", `${name}=${value}`]);
    this.#child = new Deno.Command("sh", {
      args: [
        ...["-c", 'log=$1; shift; exec "$@" >"$log" 2>&1', "sh"],
        ...[`${directory}/server.log`, `${BIN_DIR}/postgres`],
        ...["-D", `${directory}/data`, ...words],
      ],
      env: environment,
      stdin: "null",
    }).spawn();
  }

  /** A new one; `environment`: variables besides the test's own. */
  static async start(
    parameters: StoreParameters = {},
    hba: readonly string[] = [],
    environment: StoreStart["environment"] = {},
  ): Promise<StorePostgres> {
    const directory = await memoryFolder("matriarch-store-");
    await Deno.writeTextFile(`${directory}/password`, STORE_PASSWORD);
    await run("initdb", [
      ...["-D", `${directory}/data`, "-U", "postgres", "--no-sync"],
      ...["--encoding=UTF8", "--no-locale", "--auth=scram-sha-256"],
      ...["--pwfile", `${directory}/password`],
    ]);
    await Deno.writeTextFile(
      `${directory}/data/pg_hba.conf`,
      [
        "local all all trust",
        "local replication all trust",
        ...hba,
        "host all all 127.0.0.1/32 scram-sha-256",
        "",
      ].join("\n"),
    );
    return await StorePostgres.#started(directory, { parameters, environment });
  }

  /** A standby of this one, which streams. */
  async standby(parameters: StoreParameters = {}): Promise<StorePostgres> {
    const directory = await memoryFolder("matriarch-store-");
    await run("pg_basebackup", [
      ...["-h", this.directory, "-p", String(this.port), "-U", "postgres"],
      ...["-D", `${directory}/data`, "-X", "stream", "-c", "fast", "-R"],
    ]);
    const start = { parameters, environment: {} };
    return await StorePostgres.#started(directory, start);
  }

  static async #started(
    directory: string,
    start: StoreStart,
  ): Promise<StorePostgres> {
    const server = new StorePostgres(directory, freePort(), start);
    const deadline = performance.now() + START_LIMIT_MS;
    for (;;) {
      const isUp = await server.sql("SELECT 1").then(() => true, () => false);
      if (isUp) return server;
      if (performance.now() > deadline) {
        const log = await Deno.readTextFile(`${directory}/server.log`);
        await server[Symbol.asyncDispose]();
        throw new Error(`PostgreSQL did not start:\n${log.slice(-4000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Where the superuser finds it. */
  get url(): string {
    const password = encodeURIComponent(STORE_PASSWORD);
    return `postgresql://postgres:${password}@127.0.0.1:${this.port}/postgres`;
  }

  /** Runs one statement as superuser, over the socket. */
  async sql(
    text: string,
  ): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const connection = postgres({
      ...{ host: this.directory, port: this.port, username: "postgres" },
      ...{ database: "postgres", max: 1, fetch_types: false },
      ...{ onnotice: () => {}, connect_timeout: 5 },
    });
    try {
      return await connection.unsafe(text);
    } finally {
      await connection.end({ timeout: 1 });
    }
  }

  /** A standby becomes a primary. */
  async promote(): Promise<void> {
    await this.sql("SELECT pg_promote()");
  }

  /** Ends all sessions of clients. */
  async cutSessions(): Promise<void> {
    await this.sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity " +
        "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
    );
  }

  /** One of its processes dies, so all do; it starts again from its WAL. */
  async crash(): Promise<void> {
    const [row] = await this.sql(
      "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'",
    );
    Deno.kill(Number(row?.["pid"]), "SIGKILL");
  }

  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void {
    // The postmaster first, so that no backend is added.
    for (const pid of this.#processes()) {
      signal(pid, "SIGSTOP");
      const deadline = performance.now() + STOPPED_MS_MAX;
      while (performance.now() < deadline && !isStopped(pid));
    }
  }

  /** SIGCONT. */
  thaw(): void {
    for (const pid of this.#processes()) signal(pid, "SIGCONT");
  }

  /** As by a power cut. */
  async kill(): Promise<void> {
    const pids = this.#processes();
    for (const pid of pids) signal(pid, "SIGKILL");
    await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.directory, { recursive: true });
  }

  #processes(): readonly number[] {
    const { pid } = this.#child;
    return [pid, ...childrenOf(pid)];
  }
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(`${BIN_DIR}/${program}`, {
    args: [...args],
    env: { LC_ALL: "C" },
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

function childrenOf(parent: number): readonly number[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name))
    .filter((pid) => statOf(pid)[1] === String(parent));
}

function isStopped(pid: number): boolean {
  const [state] = statOf(pid);
  return state === undefined || state === "T" || state === "Z";
}

/** State and parent; empty: it is gone. */
function statOf(pid: number): readonly string[] {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return text.slice(text.lastIndexOf(")") + 2).split(" ").slice(0, 2);
  } catch {
    return [];
  }
}

function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch {
    // It has ended already.
  }
}
