/**
 * The simulated world: hosts, instances, the network between them, clients, and
 * time. The agents and the store are brought by a driver.
 */
import type { ClusterSettings } from "../../../lib/core/model/settings.ts";
import { REMOTE } from "../../../lib/core/model/standby_cluster.ts";
import { Checkers } from "./checkers.ts";
import { Host } from "./host.ts";
import { Instance, type Surroundings, type Work } from "./instance.ts";
import { Reader, SLOT } from "./logical_slots.ts";
import type { Plan } from "./plan.ts";
import { remoteOf, writeRemote } from "./remote.ts";
import { Rng } from "./rng.ts";
import { Timeline } from "./timeline.ts";
import { firstBranch, type Point } from "./wal.ts";

/** The store's name in the network. */
export const STORE = "store";

/** What brings agents and a store into the world. */
export interface Driver {
  /** Who holds the leader key; null: nobody. */
  leader(): string | null;
  /** The sync key; null: absent or without a leader. */
  syncKey(): SyncFacts | null;
  /** Names in the failsafe key; null: absent. */
  failsafeMembers(): readonly string[] | null;
  /** The initialize key says that somebody creates the first data directory. */
  isBootstrapping(): boolean;
  startAgent(name: string): void;
  killAgent(name: string): void;
  /** SIGTERM. */
  stopAgent(name: string): void;
  /** Links of that member to the store or to peers opened or closed. */
  linksChanged(name: string): void;
  /** @param inMs Null: now. */
  switchOver(candidate: string | null, inMs?: number): void;
  restart(name: string): void;
  scheduleRestart(name: string, inMs: number): void;
  reinitialize(name: string): void;
  /** A required watchdog cannot be used for that time. */
  breakWatchdog(name: string, ms: number): void;
  /** The world's settings changed: the dynamic configuration says so. */
  settingsChanged(): void;
}

/** The part of the sync key that restricts who may lead. */
export interface SyncFacts {
  readonly leader: string;
  readonly standbys: readonly string[];
}

/** One member: its machine and its instance. */
export interface Site {
  readonly name: string;
  readonly host: Host;
  readonly instance: Instance;
}

/** An agent will freeze for `ms`, in the middle of a call of that kind, after so many others. */
interface Ambush {
  readonly call: "lease" | "any";
  calls: number;
  readonly ms: number;
}

/** Durations in milliseconds: usual, and in a world of slow instances. */
const DURATIONS: Readonly<Record<Work, readonly [number, number, number]>> = {
  start: [200, 1_500, 15_000],
  crash_recovery: [300, 4_000, 60_000],
  shutdown: [30, 400, 8_000],
  checkpoint: [20, 500, 6_000],
  promote: [100, 1_500, 40_000],
  copy: [500, 8_000, 40_000],
  reload: [5, 100, 1_500],
  checkpointer: [0, 50, 20_000],
  network: [1, 30, 30],
};

/** Everything but the agents and the store. */
export class World implements Surroundings {
  readonly plan: Plan;
  readonly timeline = new Timeline();
  readonly sites: readonly Site[];
  readonly checkers: Checkers;
  /** How often each rule decided. */
  readonly hits = new Map<string, number>();
  readonly #rngs = new Map<string, Rng>();
  readonly #closed = new Set<string>();
  /** What a standby cluster follows; null: this is none. */
  readonly remote: Instance | null;
  /** The consumer of the logical slot; null: there is no such slot. */
  reader: Reader | null = null;
  readonly #ambushes = new Map<string, Ambush>();
  #driver: Driver | null = null;
  /** Slow calls to the store and between members. */
  isSlow = false;
  isHealed = false;
  /** One member's disk was replaced. */
  hasLostData = false;
  isPaused = false;
  /** The settings tell to follow a remote primary. */
  isStandbyCluster: boolean;
  /** When the pause changed last. */
  resumedAt = -Infinity;
  /** Null: nobody reads it. */
  readonly trace: string[] | null;

  constructor(plan: Plan, trace: string[] | null) {
    this.plan = plan;
    this.trace = trace;
    this.sites = Array.from({ length: plan.members }, (_, index) => {
      const name = `n${index + 1}`;
      const host = new Host(this.timeline, name, this.#clock());
      return { name, host, instance: new Instance(name, this) };
    });
    this.checkers = new Checkers(this);
    const point = { branch: firstBranch(), lsn: 10_000 };
    this.isStandbyCluster = plan.settings.isStandbyCluster;
    this.remote = this.isStandbyCluster ? remoteOf(this, point) : null;
    if (!plan.isFresh) this.#begin(point);
  }

  get driver(): Driver {
    if (this.#driver === null) throw new Error("no driver yet");
    return this.#driver;
  }

  /** Brings the agents. */
  connect(driver: Driver): void {
    this.#driver = driver;
    for (const { name } of this.sites) driver.startAgent(name);
    for (const site of this.sites) this.#client(site);
    const { settings, standbyUntilMs } = this.plan;
    if (SLOT.name in settings.slots.permanent) this.reader = new Reader(this);
    if (this.remote === null) return;
    writeRemote(this, this.remote);
    if (standbyUntilMs === null) return;
    this.timeline.after(standbyUntilMs, () => {
      this.note("ops", "this is no standby cluster any more");
      this.isStandbyCluster = false;
      this.driver.settingsChanged();
    });
  }

  /** A named stream of chance. */
  rng(stream: string): Rng {
    let rng = this.#rngs.get(stream);
    if (rng === undefined) {
      rng = new Rng(this.plan.seed, stream);
      this.#rngs.set(stream, rng);
    }
    return rng;
  }

  site(name: string): Site | null {
    return this.sites.find((site) => site.name === name) ?? null;
  }

  instance(name: string): Instance | null {
    if (name === REMOTE) return this.remote;
    return this.site(name)?.instance ?? null;
  }

  isLinkOpen(a: string, b: string): boolean {
    return a === b || this.#closed.size === 0 || !this.#closed.has(key(a, b));
  }

  /** Closes or opens the link between two members, or one and the store. */
  setLink(a: string, b: string, state: "open" | "closed"): void {
    if (state === "closed") this.#closed.add(key(a, b));
    else this.#closed.delete(key(a, b));
    for (const { instance } of this.sites) instance.replication.checkLink();
    for (const name of [a, b]) {
      if (name !== STORE) this.driver.linksChanged(name);
    }
  }

  /** Opens every link. */
  openAllLinks(): void {
    this.#closed.clear();
    for (const { name } of this.sites) this.driver.linksChanged(name);
  }

  /** The agent of that member freezes in the middle of one of its next calls. */
  ambush(name: string, ms: number): void {
    const rng = this.rng("ambush");
    const calls = rng.int(0, 5);
    // A renewal takes the least time of all that a leader does, and matters most.
    const at = rng.chance(0.4) ? { call: "lease", calls: 0 } as const : {
      call: "any",
      calls,
    } as const;
    this.#ambushes.set(name, { ...at, ms });
  }

  /** A call to the store is on its way. */
  callBegan(name: string, call: "lease" | "other"): void {
    const ambush = this.#ambushes.get(name);
    if (ambush === undefined) return;
    if (ambush.call === "lease" && call !== "lease") return;
    if (ambush.calls-- > 0) return;
    this.#ambushes.delete(name);
    if (!this.isHealed) this.freeze(name, ambush.ms);
  }

  /** Freezes an agent for a while. */
  freeze(name: string, ms: number): void {
    const host = this.site(name)?.host;
    if (host === undefined || !host.isAwake) return;
    this.note(name, `frozen for ${ms} ms`);
    host.freeze();
    this.timeline.after(ms, () => {
      if (!this.isHealed) this.note(name, "no longer frozen");
      host.thaw();
    });
  }

  /** One way of a call over the network. */
  callDelayMs(): number {
    const rng = this.rng("calls");
    if (this.isSlow && rng.chance(0.4)) return rng.int(500, 6_000);
    return rng.int(1, 12);
  }

  durationMs(work: Work): number {
    const [min, usual, slow] = DURATIONS[work];
    // It came later: a stream of its own leaves the other seeds as they are.
    const rng = this.rng(work === "checkpointer" ? work : "work");
    const isSlow = !this.isHealed && this.plan.faults.has("slow_postgres") &&
      rng.chance(0.25);
    return rng.int(min, isSlow ? slow : usual);
  }

  isFailing(work: Work): boolean {
    return !this.isHealed && this.plan.faults.has("failing_postgres") &&
      this.rng(`failing ${work}`).chance(0.2);
  }

  /** The pre_promote script forbids a promotion. */
  isPromotionForbidden(): boolean {
    return !this.isHealed && this.plan.faults.has("pre_promote") &&
      this.rng("pre_promote").chance(0.3);
  }

  /** The settings as the `config` key holds them now. */
  get settings(): ClusterSettings {
    const { isPaused, isStandbyCluster, plan: { settings } } = this;
    return { ...settings, isPaused, isStandbyCluster };
  }

  /** Time of day, the same on every host. */
  get wallTimeMs(): number {
    return 1_800_000_000_000 + Math.floor(this.timeline.now);
  }

  /** ISO 8601, that much later. */
  timeIn(ms: number): string {
    return new Date(this.wallTimeMs + ms).toISOString();
  }

  acknowledged(name: string, point: Point): void {
    this.checkers.acknowledged(name, point);
  }

  promotionBegan(name: string): void {
    this.checkers.promotionBegan(name);
  }

  promoted(name: string): void {
    this.checkers.promoted(name);
  }

  note(name: string, text: string): void {
    if (this.trace === null) return;
    const at = (this.timeline.now / 1000).toFixed(3).padStart(8);
    this.trace.push(`${at} ${name.padEnd(5)} ${text}`);
  }

  /** Counts a ruling. */
  hit(rule: string): void {
    this.hits.set(rule, (this.hits.get(rule) ?? 0) + 1);
  }

  #clock(): { rate: number; offsetMs: number } {
    const rng = this.rng("clocks");
    // Half of what driftAllowanceMs() allows for, on each side.
    const drift = this.plan.faults.has("drift") ? (rng.next() - 0.5) / 1000 : 0;
    return { rate: 1 + drift, offsetMs: rng.int(1_000, 1_000_000) };
  }

  #begin(point: Point): void {
    for (const [index, { instance }] of this.sites.entries()) {
      const isFirst = index === 0;
      const as = isFirst && !this.isStandbyCluster ? "primary" : "standby";
      instance.install(point, as);
      instance.start(as, () => undefined);
      if (as === "standby") {
        instance.replication.follow(isFirst ? REMOTE : "n1");
      }
    }
  }

  /** Clients that write to that member for as long as they may. */
  #client(site: Site): void {
    const rng = this.rng("clients");
    const { instance, host } = site;
    const isRouted = this.plan.areClientsDirect || host.isBelieving;
    if (isRouted) instance.commit(rng.int(1, 40) ** 3);
    this.timeline.after(rng.int(300, 2_500), () => this.#client(site));
  }
}

function key(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
