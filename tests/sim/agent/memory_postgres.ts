/** The memory twin of the Postgres port, on a simulated instance. */
import { formatLsn, lsn } from "../../../lib/core/base/units.ts";
import type { UpstreamView } from "../../../lib/core/model/peer_view.ts";
import type {
  PostgresView,
  StandbyChange,
} from "../../../lib/core/model/postgres_view.ts";
import { PostgresError } from "../../../lib/ports/errors.ts";
import type {
  FollowResult,
  Postgres,
  PostgresData,
  PostgresPeer,
  PostgresServer,
  PostgresSettings,
  PostgresSlots,
  PostgresUpstream,
  StartMode,
  StartResult,
  StopOptions,
  StopResult,
} from "../../../lib/ports/postgres.ts";
import { lookAt, upstreamAnswer } from "../world/instance_view.ts";
import type { Instance } from "../world/instance.ts";
import { historyOf } from "../world/wal.ts";
import type { Site, World } from "../world/world.ts";
import { type Bridge, untilAbort } from "./bridge.ts";
import { type KeptRecord, MemoryPledge } from "./memory_pledge.ts";
import { MemorySlots } from "./memory_slots.ts";

type Document = Readonly<Record<string, unknown>>;

/** What an agent's hold on its instance needs. Files that outlive the agent are kept by `files`. */
export interface PostgresParts {
  readonly bridge: Bridge;
  readonly files: Map<string, Document>;
  readonly records: Map<string, KeptRecord>;
}

/** All parts of the port are this one object: a simulated instance is small. */
type Parts =
  & Postgres
  & PostgresServer
  & PostgresData
  & PostgresUpstream
  & PostgresSettings;

/** One agent's hold on its instance. */
export class MemoryPostgres implements Parts {
  readonly server: PostgresServer = this;
  readonly data: PostgresData = this;
  readonly upstream: PostgresUpstream = this;
  readonly settings: PostgresSettings = this;
  readonly pledge: MemoryPledge;
  readonly #world: World;
  readonly #instance: Instance;
  readonly #bridge: Bridge;
  readonly #files: Map<string, Document>;

  constructor(
    world: World,
    site: Site,
    parts: PostgresParts,
  ) {
    this.#world = world;
    this.#instance = site.instance;
    this.#bridge = parts.bridge;
    this.#files = parts.files;
    this.pledge = new MemoryPledge(site.instance, parts);
    this.slots = new MemorySlots(world, site.instance, parts.bridge);
  }

  async observe(): Promise<PostgresView> {
    await this.#bridge.sleep(this.#instance.isHung ? 3_000 : 2);
    return lookAt(this.#instance);
  }

  async streaming(): Promise<readonly string[]> {
    await this.#bridge.sleep(this.#instance.isHung ? 3_000 : 1);
    const view = lookAt(this.#instance);
    if (view.kind !== "running") return [];
    return view.walSenders.filter(({ state }) => state === "streaming")
      .map(({ applicationName }) => applicationName);
  }

  /** Nobody counts transactions here. */
  endedTransaction(): Promise<null> {
    return Promise.resolve(null);
  }

  untilPostmasterEnds(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = untilAbort(signal, resolve);
      this.#instance.whenDown(() => this.#bridge.enter(end));
    });
  }

  async bootstrap(
    signal: AbortSignal,
  ): Promise<{ readonly systemId: string }> {
    this.pledge.expectOtherData();
    const isDone = await this.#bridge.untilAborted<boolean>(
      signal,
      (done) => this.#instance.bootstrap(done),
    );
    const { data } = this.#instance;
    if (isDone && data !== null) return { systemId: data.systemId };
    await this.#bridge.until<void>((done) =>
      this.#instance.stop(AT_ONCE, () => done(undefined))
    );
    this.#instance.removeData();
    throw new PostgresError("initdb failed");
  }

  finishRestore(): Promise<void> {
    return Promise.reject(new PostgresError("Nothing was restored"));
  }

  async clone(
    source: PostgresPeer | null,
    _slotName: string | null,
    signal: AbortSignal,
  ): Promise<void> {
    this.pledge.expectOtherData();
    const isDone = await this.#bridge.untilAborted<boolean>(
      signal,
      (done) => this.#instance.clone(source?.name ?? "", done),
    );
    if (!isDone) throw new PostgresError("pg_basebackup failed");
  }

  async reinitialize(
    source: PostgresPeer,
    slotName: string | null,
    signal: AbortSignal,
  ): Promise<void> {
    await this.basebackup(source, slotName, signal);
  }

  async basebackup(
    source: PostgresPeer,
    slotName: string | null,
    signal: AbortSignal,
  ): Promise<void> {
    this.pledge.expectOtherData();
    this.#instance.removeData();
    await this.clone(source, slotName, signal);
  }

  async start(
    mode: StartMode,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<StartResult> {
    const { replication } = this.#instance;
    if (mode.kind === "standby") {
      replication.follow(mode.upstream?.name ?? null);
    }
    return await this.#bridge.untilAborted<StartResult>(signal, (done) => {
      const patienceMs = timeoutMs || PG_CTL_TIMEOUT_MS;
      this.#bridge.host.after(patienceMs, () => done({ kind: "starting" }));
      this.#instance.start(
        mode.kind,
        (isRunning) => done(isRunning ? { kind: "running" } : FAILED),
      );
    });
  }

  prePromote(): Promise<boolean> {
    return Promise.resolve(!this.#world.isPromotionForbidden());
  }

  stop(options: StopOptions): Promise<StopResult> {
    const { escalateAfterMs, isCheckpointFirst, onShutdownCheckpoint } =
      options;
    const isImmediate = options.mode === "immediate" || options.mode === "kill";
    return this.#bridge.until<StopResult>((done) => {
      if (escalateAfterMs !== null) {
        let isDown = false;
        this.#instance.whenDown(() => isDown = true);
        this.#bridge.host.after(escalateAfterMs, () => {
          if (!isDown) this.#instance.kill();
        });
      }
      this.#instance.stop({
        mode: isImmediate ? "immediate" : "fast",
        isCheckpointFirst,
        onCheckpoint: (at) =>
          this.#bridge.enter(() => void onShutdownCheckpoint?.(lsn(at))),
      }, () => done("stopped"));
    });
  }

  async promote(_timeoutMs: number, signal: AbortSignal): Promise<void> {
    const isPrimary = await this.#bridge.untilAborted<boolean>(
      signal,
      (done) => this.#instance.promote(done),
    );
    if (!isPrimary) throw new PostgresError("not promoted");
  }

  async follow(upstream: PostgresPeer | null): Promise<FollowResult> {
    await this.#bridge.sleep(20);
    if (this.#instance.run === "down") return "restart_needed";
    this.#instance.replication.follow(upstream?.name ?? null);
    return "reloaded";
  }

  writeRecord(): Promise<void> {
    return Promise.resolve();
  }

  /** Its settings are nobody's subject there. */
  change(): Promise<StandbyChange> {
    return Promise.resolve("nothing");
  }

  checkpoint(signal: AbortSignal): Promise<void> {
    return this.#bridge.untilAborted<void>(
      signal,
      (done) => this.#instance.checkpoint(() => done(undefined)),
    );
  }

  async ask(upstream: PostgresPeer): Promise<UpstreamView> {
    await this.#bridge.sleep(2 * this.#world.callDelayMs());
    const { name } = this.#instance;
    const isOpen = this.#world.isLinkOpen(name, upstream.name);
    const asked = isOpen ? this.#world.instance(upstream.name) : null;
    return upstreamAnswer(this.#instance, asked);
  }

  archiveShutdownWal(): Promise<void> {
    return Promise.resolve();
  }

  async rewind(source: PostgresPeer, signal: AbortSignal): Promise<void> {
    this.pledge.expectOtherData();
    const isDone = await this.#bridge.untilAborted<boolean>(
      signal,
      (done) => this.#instance.rewind(source.name, done),
    );
    if (!isDone) throw new PostgresError("pg_rewind failed");
  }

  remove(): Promise<void> {
    this.pledge.expectOtherData();
    this.#instance.removeData();
    return Promise.resolve();
  }

  setAside(): Promise<string> {
    this.pledge.expectOtherData();
    this.#instance.removeData();
    return Promise.resolve("aside");
  }

  setSynchronousStandbys(value: string | null): Promise<void> {
    const { replication } = this.#instance;
    replication.areNamesManaged = value !== null;
    return this.#bridge.until<void>((done) =>
      replication.setNames(value ?? "", () => done(undefined))
    );
  }

  readonly slots: PostgresSlots;

  configure(): Promise<"unchanged"> {
    return Promise.resolve("unchanged");
  }

  takeRole(): Promise<void> {
    return Promise.resolve();
  }

  reload(): Promise<void> {
    return Promise.resolve();
  }

  readHistoryFile(): Promise<
    { readonly text: string; readonly modifiedAt: string } | null
  > {
    const branch = this.#instance.data?.point.branch;
    if (branch === undefined || branch.parent === null) {
      return Promise.resolve(null);
    }
    const text = historyOf(branch).map((line) =>
      `${line.timeline}\t${formatLsn(lsn(line.lsn))}\tpromoted\n`
    ).join("");
    return Promise.resolve({ text, modifiedAt: "2026-11-20T05:00:00+00:00" });
  }

  saveDynamicConfig(document: Document): Promise<void> {
    this.#files.set(this.#instance.name, document);
    return Promise.resolve();
  }

  loadDynamicConfig(): Promise<Document | null> {
    return Promise.resolve(this.#files.get(this.#instance.name) ?? null);
  }
}

const PG_CTL_TIMEOUT_MS = 60_000;

const FAILED: StartResult = { kind: "failed", detail: "it ended" };

const AT_ONCE = {
  mode: "immediate",
  isCheckpointFirst: false,
  onCheckpoint: null,
} as const;
