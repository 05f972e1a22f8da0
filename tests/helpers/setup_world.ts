/**
 * A host in memory that is set up: its facts, its files, its service. The plug
 * can be pulled after any number of changes to its files.
 */
import { createHash } from "node:crypto";
import { CertificatesX509 } from "../../lib/adapters/pki/certificates_x509.ts";
import type {
  FileOwner,
  HostFacts,
  ProgramState,
  SetupFile,
  SetupHost,
} from "../../lib/ports/setup.ts";
import type {
  PatroniProcess,
  RunningServer,
  ServerDoor,
  ServerEnd,
} from "../../lib/ports/setup_servers.ts";
import { FACTS_SQL } from "../../lib/setup/adopt/server_facts.ts";
import type { SetupWorld } from "../../lib/setup/setup_world.ts";
import { MemoryDcs } from "../sim/dcs_memory.ts";
import { MemoryStore } from "../sim/dcs_memory_store.ts";
import { ManualClock } from "./manual_clock.ts";

/** 2026-11-29. */
export const NOW_MS = 1_795_910_400_000;

/** A host on which nothing is wrong. */
export const GOOD_FACTS: HostFacts = {
  hostName: "db1",
  isRoot: true,
  user: { uid: 101, gid: 102 },
  addresses: [
    { address: "127.0.0.1", interface: "lo" },
    { address: "10.0.0.11", interface: "eth0" },
  ],
  postgres: [{ folder: "/usr/lib/postgresql/15/bin", major: 15, missing: [] }],
  dataDirectory: { kind: "absent" },
  storeDirectory: "absent",
  taken: [],
  freeBytes: 100 * 1024 ** 3,
  hasSystemd: true,
  isClockKept: true,
  hasWatchdog: true,
  missingVipPrograms: [],
  managers: [],
};

/** The plug was pulled. */
export class PowerLoss extends Error {}

/** A host and what is on it. */
export class FakeHost implements SetupHost {
  facts_: HostFacts = GOOD_FACTS;
  readonly disk = new Map<string, SetupFile>();
  readonly folders: string[] = [];
  readonly started: string[] = [];
  nowMs = NOW_MS;
  /** Changes of files until the plug is pulled. */
  changesLeft = Infinity;
  #random = 0;
  readonly #salt: string;

  constructor(salt = "a") {
    this.#salt = salt;
  }

  readonly files = {
    read: (path: string) => Promise.resolve(this.disk.get(path)?.text ?? null),
    write: (file: SetupFile) =>
      this.#change(() => {
        this.disk.set(file.path, file);
      }),
    makeFolder: (path: string) =>
      this.#change(() => {
        this.folders.push(path);
      }),
    remove: (path: string) =>
      this.#change(() => {
        this.disk.delete(path);
      }),
  };

  readonly service = {
    start: (unit: string) => Promise.resolve(void this.started.push(unit)),
    stop: () => Promise.resolve(),
  };

  /** Those that run. */
  servers_: readonly RunningServer[] = [];
  /** What a server answers to whoever asks for its facts. */
  serverFacts = "";
  /** What was sent to a server, and which ones were stopped. */
  readonly statements: string[] = [];
  readonly stopped: number[] = [];

  patroni_: PatroniProcess | null = null;

  readonly servers = {
    patroni: () => Promise.resolve(this.patroni_),
    running: () => Promise.resolve(this.servers_),
    query: (_door: ServerDoor, sql: string) => {
      if (sql === FACTS_SQL) return Promise.resolve(this.serverFacts);
      return this.#change(() => {
        this.statements.push(sql);
      }).then(() => "");
    },
    stop: ({ pid }: ServerEnd) =>
      this.#change(() => {
        const isThere = this.servers_.some((each) => each.pid === pid);
        if (isThere) this.stopped.push(pid);
        this.servers_ = this.servers_.filter((each) => each.pid !== pid);
      }),
  };

  facts(): Promise<HostFacts> {
    return Promise.resolve(this.facts_);
  }

  programState(): Promise<ProgramState> {
    return Promise.resolve("usable");
  }

  readonly users: string[] = [];

  makeUser(name: string): Promise<FileOwner> {
    return this.#change(() => {
      this.users.push(name);
      this.facts_ = { ...this.facts_, user: { uid: 990, gid: 990 } };
    }).then(() => ({ uid: 990, gid: 990 }));
  }

  randomText(bytes: number): string {
    const seed = `${this.#salt}${this.#random++}`;
    const digest = createHash("sha512").update(seed).digest();
    return digest.subarray(0, bytes).toString("base64url");
  }

  hash(text: string): string {
    return createHash("sha256").update(text).digest("hex");
  }

  wallTimeMs(): number {
    return this.nowMs;
  }

  sleep(ms: number): Promise<void> {
    this.nowMs += ms;
    return Promise.resolve();
  }

  async #change(change: () => void): Promise<void> {
    await Promise.resolve();
    if (this.changesLeft <= 0) throw new PowerLoss("the plug was pulled");
    this.changesLeft -= 1;
    change();
  }
}

/** A store in memory. */
export function memoryStore(): MemoryStore {
  return new MemoryStore(new ManualClock(), "store");
}

/** One client of it, on the keys of a scope. */
export function memoryScope(store: MemoryStore, scope = "main"): MemoryDcs {
  return new MemoryDcs(store, `/service/${scope}`);
}

/** The world of a host. */
export function fakeWorld(host: FakeHost, store: MemoryStore): SetupWorld {
  return {
    host,
    certificates: new CertificatesX509(),
    program: "/usr/local/bin/matriarch",
    openStore: (_section, { scope }) =>
      Promise.resolve(memoryScope(store, scope)),
    hasEtcd: () => Promise.resolve(true),
    askDesk: () => Promise.resolve({ kind: "unreachable", why: "a test" }),
  };
}
