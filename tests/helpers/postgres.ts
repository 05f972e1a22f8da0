/**
 * Small real PostgreSQL instances for tests: own directories, free ports, no
 * fsync. Must run as an ordinary user (see `unprivileged.ts`).
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import { FillMarks } from "../../lib/adapters/postgres/directory/fill_marks.ts";
import { endLeftoverProgram } from "../../lib/adapters/postgres/directory/leftover_program.ts";
import type {
  EffectivePostgresConfig,
  PostgresContext,
  PostgresOptions,
} from "../../lib/adapters/postgres/options.ts";
import { livePostmaster } from "../../lib/adapters/postgres/process/pid_file.ts";
import { PostgresLocal } from "../../lib/adapters/postgres/postgres_local.ts";
import { moment } from "../../lib/core/base/units.ts";
import type { PostgresView } from "../../lib/core/model/postgres_view.ts";
import type { Clock } from "../../lib/ports/clock.ts";
import type { Log } from "../../lib/ports/log.ts";
import type { Postgres, PostgresPeer } from "../../lib/ports/postgres.ts";
import { freePort } from "./free_ports.ts";

/** Where PostgreSQL's programs are. */
export const BIN_DIR = Deno.env.get("MATRIARCH_TEST_PG_BIN") ??
  "/usr/lib/postgresql/15/bin";

/** Nobody cancels. */
export const NEVER: AbortSignal = new AbortController().signal;

/** The machine's own time. */
export const REAL_CLOCK: Clock = {
  now: () => moment(performance.now()),
  wallTimeMs: () => Date.now(),
  sleep(ms, signal) {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal?.addEventListener("abort", end);
    });
  },
};

/** Keeps its lines, so that a failing test can show them. */
export class TestLog implements Log {
  readonly lines: string[] = [];
  debug = (message: string): void => void this.lines.push(`DEBUG ${message}`);
  info = (message: string): void => void this.lines.push(`INFO ${message}`);
  warning = (message: string): void => void this.lines.push(`WARN ${message}`);
  error = (message: string): void => void this.lines.push(`ERROR ${message}`);
  critical = (message: string): void =>
    void this.lines.push(`CRITICAL ${message}`);
}

/** Waits for a condition; the error names what was seen last. */
export async function eventually<T>(
  look: () => Promise<T>,
  isDone: (seen: T) => boolean,
  limitMs = 30_000,
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (isDone(seen)) return seen;
    if (performance.now() > end) {
      assert.fail(`Still not so: ${Deno.inspect(seen)}`);
    }
    await REAL_CLOCK.sleep(25);
  }
}

/** One instance under test. */
export interface TestInstance {
  readonly postgres: PostgresLocal;
  readonly options: PostgresOptions;
  readonly peer: PostgresPeer;
  readonly log: TestLog;
}

/** Instances of one test; disposing it ends their servers and removes all. */
export class TestWorld {
  readonly #instances: TestInstance[] = [];
  readonly path: string;

  constructor() {
    this.path = Deno.makeTempDirSync({ prefix: "matriarch-pg-" });
  }

  /** A new, empty instance. */
  instance(
    name: string,
    change: (options: PostgresOptions) => Partial<PostgresOptions> = () => ({}),
  ): TestInstance {
    const options = testOptions(join(this.path, name), name);
    return this.adopt({ ...options, ...change(options) });
  }

  /** A second adapter for an instance, as after a restart of the agent. */
  adopt(options: PostgresOptions): TestInstance {
    const log = new TestLog();
    const deps = { clock: REAL_CLOCK, log };
    const instance = {
      postgres: new PostgresLocal(options, deps),
      options,
      peer: {
        name: options.memberName,
        host: "127.0.0.1",
        port: options.listen.port,
      },
      log,
    };
    this.#instances.push(instance);
    return instance;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { postgres, options } of this.#instances) {
      await wake(options);
      await stop(postgres, "kill");
      await postgres.close();
      await endLeftoverProgram(
        testContext(options),
        new FillMarks(() => options.dataDir),
      );
    }
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Frozen processes could not even be waited for. */
async function wake(options: PostgresOptions): Promise<void> {
  const file = await livePostmaster(testContext(options));
  if (file !== null) Deno.kill(file.pid, "SIGCONT");
}

/** A context for asking single parts of the adapter. */
export function testContext(options: PostgresOptions): PostgresContext {
  return { options, config: null, log: new TestLog(), clock: REAL_CLOCK };
}

/** Stops without a hook. */
export async function stop(
  instance: Postgres,
  mode: "fast" | "immediate" | "kill" = "fast",
): Promise<void> {
  await instance.server.stop({
    mode,
    isCheckpointFirst: false,
    escalateAfterMs: 10_000,
    onShutdownCheckpoint: null,
  });
}

/** Runs one statement as superuser, over the socket. */
export async function sql(
  options: PostgresOptions,
  text: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const connection = postgres({
    host: "127.0.0.1",
    port: options.listen.port,
    username: "postgres",
    password: "super secret",
    database: "postgres",
    max: 1,
    fetch_types: false,
    onnotice: () => {},
  });
  try {
    return await connection.unsafe(text);
  } finally {
    await connection.end({ timeout: 1 });
  }
}

/** The running view of a role, once it is there. */
export async function untilRole<R extends "primary" | "replica">(
  instance: Postgres,
  role: R,
): Promise<Extract<PostgresView, { role: R }>> {
  const view = await eventually(
    () => instance.observe(),
    (seen) => seen.kind === "running" && seen.role === role,
  );
  return view as Extract<PostgresView, { role: R }>;
}

/** Settings of a small instance; `parameters` of the document come on top. */
function effective(
  directory: string,
  document: Readonly<Record<string, unknown>>,
): EffectivePostgresConfig {
  const given = document["parameters"];
  const own = typeof given === "object" && given !== null ? given : {};
  const controlled = {
    wal_level: "replica",
    hot_standby: "on",
    max_connections: String(document["max_connections"] ?? 25),
    max_wal_senders: "10",
    max_worker_processes: "2",
    max_prepared_transactions: "0",
    max_locks_per_transaction: "64",
    max_replication_slots: "10",
    track_commit_timestamp: "off",
    wal_log_hints: "on",
  };
  return {
    commandLine: controlled,
    parameters: {
      ...controlled,
      fsync: "off",
      shared_buffers: "16MB",
      password_encryption: "scram-sha-256",
      wal_keep_size: "128MB",
      wal_retrieve_retry_interval: "200ms",
      unix_socket_directories: directory,
      logging_collector: "on",
      log_directory: join(directory, "log"),
      log_filename: "postgresql.log",
      ...own,
    },
    recoveryConf: {},
    pgHba: [
      "local all all trust",
      "host all all 127.0.0.1/32 scram-sha-256",
      "host replication all 127.0.0.1/32 scram-sha-256",
    ],
    pgIdent: null,
    hasSlots: true,
    isRewindAllowed: true,
    rewindOptions: [],
    cloneMethods: [{ kind: "basebackup", options: ["--checkpoint=fast"] }],
    pgCtlTimeoutS: 60,
    isUnixSocketUsed: true,
    isUnixSocketUsedForReplication: false,
    customConf: null,
    prePromote: null,
    beforeStop: null,
    krbsrvname: null,
  };
}

/** Options of a small instance in `directory`. */
function testOptions(directory: string, name: string): PostgresOptions {
  Deno.mkdirSync(directory, { recursive: true });
  const options = {};
  return {
    scope: "batman",
    memberName: name,
    slotName: name,
    dataDir: join(directory, "data"),
    configDir: join(directory, "data"),
    configBaseName: "postgresql",
    binDir: BIN_DIR,
    binName: {},
    database: "postgres",
    listen: { hosts: ["127.0.0.1"], port: freePort() },
    authentication: {
      superuser: { username: "postgres", password: "super secret", options },
      replication: {
        username: "replicator",
        password: "rep:li\\cate",
        options,
      },
      rewind: { username: "rewinder", password: "re'wind", options },
    },
    pgpass: join(directory, "pgpass"),
    sealedFor: null,
    bootstrap: {
      method: {
        kind: "initdb",
        options: ["--encoding=UTF8", "--no-locale", "--no-sync"],
      },
      pgHba: [],
      postBootstrap: null,
    },
    effective: (document) => effective(directory, document),
  };
}
