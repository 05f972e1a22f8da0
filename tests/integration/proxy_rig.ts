/** A proxy in this process over a memory DCS, with members that a test moves about. */
import type { Clock } from "../../lib/ports/clock.ts";
import type { Dcs } from "../../lib/ports/dcs.ts";
import type { Onlooker } from "../../lib/ports/onlooker.ts";
import type { Dialer } from "../../proxy/dial.ts";
import { TcpDialer } from "../../proxy/dial.ts";
import type { KernelTuning } from "../../proxy/kernel_tuning.ts";
import type { ProxyOptions, StatsOptions } from "../../proxy/options.ts";
import type { Front } from "../../proxy/front.ts";
import {
  PortableFront,
  type PortableFrontParts,
} from "../../proxy/portable_front.ts";
import { Proxy } from "../../proxy/proxy.ts";
import type { SessionRecord } from "../../proxy/session_record.ts";
import { TCP_TUNING } from "../../proxy/tcp_tuning.ts";
import { WorkerFront } from "../../proxy/worker_front.ts";
import { proxyWorkerUrl } from "../../lib/compose/proxy_front.ts";
import { KeptLog, RealClock } from "../helpers/tcp.ts";
import { MemoryDcs } from "../sim/dcs_memory.ts";
import { MemoryStore } from "../sim/dcs_memory_store.ts";

const LIMITS = { timeoutMs: 1_000 };

/** Fields of a member key that tests care about. */
export interface MemberFields {
  readonly port: number;
  readonly role?: string;
  readonly state?: string;
  readonly replication_state?: string;
  readonly xlog_location?: number;
  readonly replay_lsn?: number;
  readonly tags?: Readonly<Record<string, unknown>>;
  readonly doors?: Readonly<Record<"primary" | "replica", number>>;
  readonly api_url?: string;
}

/** Writes the keys that agents would write. */
export class KeyWriter {
  readonly dcs: Dcs;

  constructor(dcs: Dcs) {
    this.dcs = dcs;
  }

  async put(key: string, value: string): Promise<void> {
    const edit = { kind: "put", key, value, session: null } as const;
    await this.dcs.write({ when: [], edits: [edit] }, LIMITS);
  }

  async remove(key: string): Promise<void> {
    await this.dcs.write(
      { when: [], edits: [{ kind: "delete", key }] },
      LIMITS,
    );
  }

  /** The leader key. */
  async lead(name: string): Promise<void> {
    await this.put("leader", name);
  }

  async member(name: string, fields: MemberFields): Promise<void> {
    const { port, ...rest } = fields;
    const value = {
      conn_url: `postgres://127.0.0.1:${port}/postgres`,
      api_url: "http://127.0.0.1:1/patroni",
      state: "running",
      role: "replica",
      version: "4.1.4",
      ...rest,
    };
    await this.put(`members/${name}`, JSON.stringify(value));
  }

  async primary(name: string, port: number): Promise<void> {
    await this.member(name, { port, role: "primary", xlog_location: 1000 });
  }

  async replica(name: string, port: number): Promise<void> {
    await this.member(name, {
      port,
      replication_state: "streaming",
      xlog_location: 1000,
    });
  }
}

/** With fewer than two nothing would be handed from thread to thread. */
const WORKERS = 2;

/** The two ways to move bytes; both keep the same promises. */
export type FrontKind = "workers" | "portable";

/** A test that is run once with each front. */
export function testFronts(
  name: string,
  body: (open: typeof ProxyRig.open) => Promise<void>,
): void {
  for (const front of ["workers", "portable"] as const) {
    Deno.test(
      `${name} (${front})`,
      () => body((options) => ProxyRig.open({ front, ...options })),
    );
  }
}

/** What a test may set. */
export interface RigOptions extends Partial<ProxyOptions> {
  /** Worker threads, unless said otherwise. */
  readonly front?: FrontKind;
  /** Worker threads use io_uring where they can, unless said otherwise. */
  readonly isRingWanted?: boolean;
  readonly dialer?: Dialer;
  readonly tuning?: KernelTuning;
  readonly clock?: Clock;
  /** There is a cluster page. */
  readonly onlooker?: Onlooker;
  /** Writes keys before the proxy starts. */
  readonly prepare?: (keys: KeyWriter) => Promise<void>;
  /** The session log. */
  readonly onSession?: (record: SessionRecord) => void;
  /** The store does not answer. */
  readonly isCutOff?: boolean;
}

/** A running proxy and everything around it. */
export class ProxyRig {
  readonly keys: KeyWriter;
  readonly dcs: MemoryDcs;
  readonly log: KeptLog;
  readonly proxy: Proxy;

  private constructor(parts: {
    readonly keys: KeyWriter;
    readonly dcs: MemoryDcs;
    readonly log: KeptLog;
    readonly proxy: Proxy;
  }) {
    this.keys = parts.keys;
    this.dcs = parts.dcs;
    this.log = parts.log;
    this.proxy = parts.proxy;
  }

  static async open(given: RigOptions = {}): Promise<ProxyRig> {
    const {
      clock = new RealClock(),
      prepare,
      isCutOff = false,
      onSession,
      ...rest
    } = given;
    const store = new MemoryStore(clock);
    const dcs = new MemoryDcs(store, "/service/demo", { watchDelayMs: 0 });
    const keys = new KeyWriter(new MemoryDcs(store, "/service/demo"));
    const log = new KeptLog();
    const { dialer = new TcpDialer(clock), ...others } = rest;
    const { front = "workers", isRingWanted = true, tuning, ...more } = others;
    const { onlooker = null, ...options } = more;
    await prepare?.(keys);
    if (isCutOff) dcs.cutOff();
    const openFront = async (parts: PortableFrontParts): Promise<Front> => {
      if (front === "portable") return await PortableFront.open(parts);
      const workerUrl = proxyWorkerUrl();
      const { workers: count = WORKERS } = options;
      const opened = { ...parts, workers: count, workerUrl, isRingWanted };
      const workers = await WorkerFront.open(opened);
      if (workers === null) throw new Error("no worker threads here");
      return workers;
    };
    const proxy = await Proxy.open({
      options: { ...OPTIONS, ...options },
      dcs,
      clock,
      log,
      onlooker,
      onSession: onSession ?? null,
      openFront: (parts) =>
        openFront({
          ...parts,
          dialer,
          ...(tuning === undefined ? {} : { tuning }),
        }),
    }).catch(async (error: unknown) => {
      await dcs.close();
      throw error;
    });
    return new ProxyRig({ keys, dcs, log, proxy });
  }

  /** The port with the statistics. */
  get statsPort(): number {
    const { stats } = this.proxy.ports;
    if (stats === null) throw new Error("this proxy has no statistics");
    return stats;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.stop();
    await this.dcs.close();
    await this.keys.dcs.close();
  }
}

/** Statistics for everybody, at any free port. */
export const STATS: StatsOptions = {
  listen: ["127.0.0.1"],
  port: 0,
  allow: [],
  login: null,
  tls: null,
};

const OPTIONS: ProxyOptions = {
  scope: "demo",
  memberName: "n1",
  sealed: null,
  version: "0.0.0",
  edition: null,
  listen: ["127.0.0.1"],
  sockets: null,
  primaryPort: 0,
  replicaPort: 0,
  extraDoors: [],
  tlsPorts: [],
  stats: STATS,
  holdTimeoutMs: 10_000,
  replicaLagBytesMax: 100,
  replicaLagMsMax: 30_000,
  zone: null,
  isReplicaFallback: false,
  isPoolerWanted: false,
  connectionsMax: 100,
  routeConnectionsMax: { primary: 100, replica: 100 },
  serverConnectionsMax: 0,
  queueMax: 100,
  queueTimeoutMs: 10_000,
  connectTimeoutMs: 2_000,
  startupTimeoutMs: 10_000,
  silentPerSourceMax: 100,
  newPerSourceMax: 0,
  clientTimeoutMs: 0,
  serverTimeoutMs: 0,
  tcp: TCP_TUNING,
  acceptProxyFrom: [],
  sendProxy: null,
  turnHoldMs: 40,
  allow: [],
  workers: WORKERS,
  dcsTimeoutMs: 1_000,
  controlPath: null,
  lingerMs: 60_000,
  drainMs: 60_000,
  upgradeMs: 60_000,
};
