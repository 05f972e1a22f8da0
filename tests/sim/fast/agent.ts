/**
 * A member's agent in the fast mode: the real `decide()` and the real memory
 * inside a loop that mirrors `lib/agent/loop.ts` and `act.ts` step by step, with
 * waits that the world can stretch, cut or freeze.
 */
import {
  leaseRemainingMs,
  stopBudgetMs,
} from "../../../lib/core/calc/lead/budgets.ts";
import { moment } from "../../../lib/core/base/units.ts";
import type { ClusterView } from "../../../lib/core/model/cluster_view.ts";
import { NO_TAGS, type Tags } from "../../../lib/core/model/member.ts";
import {
  type AgentMemory,
  FIRST_MEMORY,
  type MemoryEvent,
  remember,
} from "../../../lib/core/model/memory.ts";
import type {
  DcsView,
  Observation,
} from "../../../lib/core/model/observation.ts";
import {
  ownPosition,
  type PostgresView,
} from "../../../lib/core/model/postgres_view.ts";
import type { OperatorRequest } from "../../../lib/core/model/request.ts";
import type { ClusterSettings } from "../../../lib/core/model/settings.ts";
import type { Decision } from "../../../lib/core/model/decision.ts";
import { explain } from "../../../lib/core/explain.ts";
import type { Ruling } from "../../../lib/core/decide.ts";
import { lookAt } from "../world/instance_view.ts";
import type { Site } from "../world/world.ts";
import { act } from "./act.ts";
import type { FastDriver } from "./driver.ts";
import { LeaseModel } from "./lease_model.ts";
import { type Process, run, sleep } from "./process.ts";
import { publish } from "./publish.ts";
import type { StoreModel } from "./store_model.ts";
import { Tasks } from "./tasks.ts";

/** Same as in lib/agent/limits.ts. */
const CALL_MIN_MS = 500;
const ATTEMPT_MAX_MS = 3_000;
const PAUSE_MIN_MS = 100;
const PAUSE_MAX_MS = 1_000;

/** Same as in lib/agent/loop.ts. */
const ROUNDS_MAX = 24;
const REPLICA_DELAY_MS = 500;
const OVERDUE_MS = 200;

/** The answer of the store; null: unreachable. */
export type Answer<T> = { readonly value: T } | null;

/** One incarnation of an agent. */
export class FastAgent {
  readonly driver: FastDriver;
  readonly site: Site;
  readonly leases: LeaseModel;
  readonly tasks: Tasks;
  memory: AgentMemory = FIRST_MEMORY;
  view: ClusterView | null = null;
  request: OperatorRequest | null = null;
  isShuttingDown = false;
  isCheckpointing = false;
  #isPaused = false;
  readonly #paused: ClusterSettings;
  #isAwake = false;
  #rouse: (() => void) | null = null;
  #watchedPid = 0;

  constructor(driver: FastDriver, site: Site) {
    this.driver = driver;
    this.site = site;
    this.#paused = { ...driver.world.plan.settings, isPaused: true };
    const call = this.call.bind(this);
    const { host } = site;
    this.leases = new LeaseModel(
      { host, call },
      this.settings.ttlMs,
      driver.bug,
    );
    host.readDeadline = () => this.leases.deadline;
    this.tasks = new Tasks(this);
  }

  /** As the last view said. */
  get settings(): ClusterSettings {
    return this.#isPaused ? this.#paused : this.driver.world.plan.settings;
  }

  get tags(): Tags {
    return this.driver.world.plan.tags.get(this.self) ?? NO_TAGS;
  }

  get self(): string {
    return this.site.name;
  }

  remember(event: MemoryEvent): void {
    this.memory = remember(this.memory, event);
  }

  /** Runs until the agent dies. */
  start(): void {
    const at = moment(this.site.host.localNow);
    this.remember({ kind: "began", lastConsent: { at, ttlMs: null } });
    run(this.site.host, this.#loop(), () => undefined);
  }

  /** The orderly end; the mirror of lib/agent/shutdown.ts. */
  *shutDown(): Process<void> {
    const { instance } = this.site;
    yield* this.tasks.cancel();
    const isLeader = this.view?.leader?.name === this.self;
    if (this.settings.isPaused) return;
    if (isLeader && instance.isWritable) {
      yield* this.tasks.handOver(null);
      return;
    }
    yield (resume) => {
      const how = { isCheckpointFirst: false, onCheckpoint: null } as const;
      instance.stop({ mode: "fast", ...how }, resume);
    };
    if (isLeader) yield* this.leases.release(this.settings.retryTimeoutMs);
  }

  /** Ends the loop's rest, or its next one. */
  wake(): void {
    this.#isAwake = true;
    this.#rouse?.();
  }

  /** Tells the trace. */
  note(text: () => string): void {
    const { world } = this.driver;
    if (world.trace !== null) world.note(this.self, text());
  }

  /** What it knows of its lease. */
  get lease(): Observation["lease"] {
    const { deadline } = this.leases;
    return deadline === null ? { kind: "none" } : {
      kind: "held",
      deadline: moment(deadline),
      isFresh: false,
      source: "store",
      cover: "not_asked",
    };
  }

  /** The facts of now around a view and a look at the instance. */
  assemble(dcs: DcsView, postgres: PostgresView): Observation {
    const now = moment(this.site.host.localNow);
    return {
      now,
      wallTimeMs: this.driver.world.wallTimeMs,
      self: this.self,
      tags: this.tags,
      canBootstrap: true,
      settings: this.settings,
      dcs,
      postgres,
      standbyChange: "nothing",
      lease: this.lease,
      peers: { kind: "not_asked" },
      upstream: { kind: "not_asked" },
      task: this.tasks.view,
      request: this.request,
      memory: this.memory,
    };
  }

  /** Takes a look at the instance, and tells the memory of it. */
  look(): PostgresView {
    const view = lookAt(this.site.instance);
    if (view.kind === "running") {
      this.remember({ kind: "answered", role: view.role });
    }
    this.#watchPostmaster();
    const isBelieved = this.driver.bug === "shown_names_believed";
    return isBelieved ? withNamesBelieved(view) : view;
  }

  /** Keeps a fresh view. */
  noteView(view: ClusterView): DcsView {
    this.view = view;
    this.#isPaused = view.config?.document?.["pause"] === true;
    this.remember({ kind: "viewed", view });
    return { kind: "reachable", view };
  }

  /** One call to the store: arrives, takes effect, and may still be lost on the way back. */
  *call<T>(
    request: (store: StoreModel) => T,
    timeoutMs: number,
  ): Process<Answer<T>> {
    const { driver, site } = this;
    const { world, store } = driver;
    const isOpen = (): boolean => world.isLinkOpen(site.name, "store");
    let answer: Answer<T> = null;
    yield (resume) => {
      site.host.after(timeoutMs, resume);
      const sent = isOpen();
      world.callBegan(site.name);
      world.timeline.after(world.callDelayMs(), () => {
        if (!sent || !isOpen()) return;
        const value = request(store);
        world.timeline.after(world.callDelayMs(), () => {
          if (!isOpen()) return;
          site.host.entrance(() => {
            answer = { value };
            resume();
          });
        });
      });
    };
    return answer;
  }

  /** The budget for store calls: retry_timeout, or what the lease leaves. */
  budgetMs(): number {
    const { retryTimeoutMs } = this.settings;
    const now = moment(this.site.host.localNow);
    const leftMs = leaseRemainingMs(this.lease, now);
    if (leftMs === null) return retryTimeoutMs;
    const untilStopMs = leftMs - stopBudgetMs(this.settings);
    return Math.max(CALL_MIN_MS, Math.min(retryTimeoutMs, untilStopMs));
  }

  /** Repeats a call until the budget is used up. */
  *retrying<T>(
    attempt: (timeoutMs: number) => Process<T>,
    isUnreachable: (value: T) => boolean,
  ): Process<T> {
    const { host } = this.site;
    const startedAt = host.localNow;
    const budgetMs = this.budgetMs();
    for (let pauseMs = PAUSE_MIN_MS;; pauseMs *= 2) {
      const leftMs = budgetMs - (host.localNow - startedAt);
      const timeoutMs = Math.max(CALL_MIN_MS, Math.min(ATTEMPT_MAX_MS, leftMs));
      const value = yield* attempt(timeoutMs);
      if (!isUnreachable(value)) return value;
      const waitMs = Math.min(pauseMs, PAUSE_MAX_MS);
      if (host.localNow - startedAt + waitMs >= budgetMs) return value;
      yield sleep(host, waitMs);
    }
  }

  /** Reads the store anew. */
  *readAgain(): Process<DcsView> {
    const answer: Answer<ClusterView> = yield* this.retrying(
      (timeoutMs) => this.call((store) => store.view(), timeoutMs),
      (value) => value === null,
    );
    if (answer !== null) return this.noteView(answer.value);
    return this.unreachable();
  }

  unreachable(): DcsView {
    const since = moment(this.site.host.localNow);
    return { kind: "unreachable", since, detail: "time-out" };
  }

  *#loop(): Process<void> {
    while (!this.isShuttingDown) {
      const againInMs = yield* this.#cycle();
      if (againInMs === "exit") return this.driver.agentExited(this.self);
      const { loopWaitMs } = this.settings;
      const isLeader = this.view?.leader?.name === this.self;
      const restMs = againInMs ??
        loopWaitMs + (isLeader ? 0 : REPLICA_DELAY_MS);
      yield* this.#rest(this.#withinLease(restMs));
    }
  }

  #withinLease(restMs: number): number {
    const { deadline } = this.leases;
    if (deadline === null) return restMs;
    const untilStopMs = deadline - this.site.host.localNow -
      stopBudgetMs(this.settings);
    return Math.min(restMs, Math.max(OVERDUE_MS, untilStopMs));
  }

  *#rest(ms: number): Process<void> {
    if (!this.#isAwake) {
      yield (resume) => {
        const enter = this.site.host.entrance;
        this.#rouse = () => enter(resume);
        this.site.host.after(ms, resume);
      };
      this.#rouse = null;
    }
    this.#isAwake = false;
  }

  *#cycle(): Process<number | null | "exit"> {
    const postgres = this.look();
    const dcs = yield* this.#observeDcs();
    this.#noteWal(dcs, postgres);
    let o = this.assemble(dcs, postgres);
    for (let round = 0;; round++) {
      if (round >= ROUNDS_MAX) throw new Error("rounds are not bounded");
      const { rule, decision } = this.driver.decide(o);
      this.#note(rule, decision);
      const next = yield* act(this, o, decision);
      if (next.kind === "exit") return "exit";
      if (next.kind === "round") {
        o = next.observation;
        continue;
      }
      yield* publish(this, o);
      return next.againInMs;
    }
  }

  /** The mirror of noteWal in lib/agent/observe.ts. */
  #noteWal(dcs: DcsView, postgres: PostgresView): void {
    if (dcs.kind !== "reachable") return;
    const replica = postgres.kind === "running" && postgres.role === "replica"
      ? postgres
      : null;
    this.remember({
      kind: "wal_seen",
      at: moment(this.site.host.localNow),
      lsn: replica === null ? null : ownPosition(replica),
      isStreaming: replica?.isStreaming ?? false,
      hasLeader: dcs.view.leader !== null,
    });
  }

  *#observeDcs(): Process<DcsView> {
    const isTrusted = this.driver.bug === "stale_leader_view" &&
      this.view?.leader?.name === this.self;
    if (isTrusted && this.view !== null) return this.noteView(this.view);
    const dcs = yield* this.readAgain();
    if (dcs.kind === "unreachable") this.view = null;
    return dcs;
  }

  #note(rule: Ruling["rule"], decision: Decision): void {
    this.driver.world.hit(rule);
    this.note(() =>
      `${rule} ${decision.kind}: ${explain(decision, this.self)}`
    );
  }

  /** The end of the postmaster wakes the loop. */
  #watchPostmaster(): void {
    const { instance, host } = this.site;
    if (instance.run === "down" || instance.pid === this.#watchedPid) return;
    this.#watchedPid = instance.pid;
    const enter = host.entrance;
    instance.whenDown(() => enter(() => this.wake()));
  }
}

/** A planted bug: the position is read as soon as the names are shown. */
function withNamesBelieved(view: PostgresView): PostgresView {
  if (view.kind !== "running" || view.role !== "primary") return view;
  const namesInForceLsn = view.namesInForceLsn ?? view.flushedLsn;
  return { ...view, namesInForceLsn };
}
