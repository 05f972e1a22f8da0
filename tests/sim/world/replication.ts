/**
 * Streaming from and to one instance, and the commits that wait for it:
 * PostgreSQL's WAL receiver, WAL senders and synchronous_standby_names.
 */
import { canFollow, type Instance, type Surroundings } from "./instance.ts";
import { parseStandbys } from "../../../lib/core/calc/sync/standby_names.ts";
import type { Point } from "./wal.ts";

/** A WAL sender as its primary sees it. */
export interface Downstream {
  readonly replica: Instance;
  flushedLsn: number;
  /** News is on its way already. */
  isPumping: boolean;
}

const CONNECT_AGAIN_MS = 1_000;

/** How long a primary still lists a replica that it lost. */
const SENDER_TIMEOUT_MS = 4_000;

/** The replication of one instance. */
export class Replication {
  readonly #self: Instance;
  readonly #world: Surroundings;
  readonly #senders = new Map<string, Downstream>();
  #upstream: string | null = null;
  #source: Instance | null = null;
  #names: readonly string[] = [];
  /** How many of them must have a commit. */
  #numsync = 0;
  #namesText = "";
  /** What sessions show; the checkpointer may not have read it yet. */
  #shownText = "";
  #inForceAt: number | null = null;
  #changes = 0;
  #waiting: Point[] = [];
  #isTicking = false;
  /** Set by an agent, not by the user. */
  areNamesManaged = false;

  constructor(self: Instance, world: Surroundings) {
    this.#self = self;
    this.#world = world;
  }

  get upstream(): string | null {
    return this.#upstream;
  }

  /** The WAL receiver streams. */
  get isStreaming(): boolean {
    return this.#source !== null;
  }

  get source(): Instance | null {
    return this.#source;
  }

  get senders(): ReadonlyMap<string, Downstream> {
    return this.#senders;
  }

  /** synchronous_standby_names as commits obey it. */
  get namesText(): string {
    return this.#namesText;
  }

  /** synchronous_standby_names as a session shows it. */
  get shownText(): string {
    return this.#shownText;
  }

  /** End of the WAL when what is shown was in force, on this server and in this role; null: it is not. */
  get inForceAt(): number | null {
    return this.#inForceAt;
  }

  /** The members that commits wait for. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** The instance accepts connections: it has read its files, or was promoted. */
  begin(how: "started" | "promoted"): void {
    if (how === "started") this.#obey(this.#shownText);
    else if (this.#inForceAt !== null) this.#noteInForce();
    this.#disconnect();
    this.#tick(0);
  }

  /** The postmaster is gone. */
  stop(): void {
    this.dropCommits();
    this.#disconnect();
    for (const { replica } of [...this.#senders.values()]) {
      replica.replication.lose(this.#self);
    }
    this.#senders.clear();
  }

  /** primary_conninfo; null: no streaming. */
  follow(upstream: string | null): void {
    this.#upstream = upstream;
    this.#disconnect();
    this.#tick(0);
  }

  /** The link to that source is gone. */
  lose(source: Instance): void {
    if (this.#source !== source) return;
    this.#source = null;
    this.#tick(CONNECT_AGAIN_MS);
  }

  /** Ends a stream whose network link is closed. */
  checkLink(): void {
    const source = this.#source;
    if (source === null) return;
    if (this.#world.isLinkOpen(this.#self.name, source.name)) return;
    this.lose(source);
    source.replication.forgetLater(this.#self.name);
  }

  /** The primary notices only after a while that a replica is gone. */
  forgetLater(name: string): void {
    const sender = this.#senders.get(name);
    this.#world.timeline.after(SENDER_TIMEOUT_MS, () => {
      if (sender?.replica.replication.source === this.#self) return;
      if (this.#senders.get(name) === sender) this.#senders.delete(name);
    });
  }

  /**
   * Writes the parameter; shown when `done` is called, and in force when the
   * checkpointer has read it.
   */
  setNames(text: string, done: () => void): void {
    const change = ++this.#changes;
    const { timeline } = this.#world;
    timeline.after(this.#world.durationMs("reload"), () => {
      if (change === this.#changes) {
        this.#shownText = text;
        this.#inForceAt = null;
      }
      timeline.after(this.#world.durationMs("checkpointer"), () => {
        if (change === this.#changes) this.#obey(text);
      });
      done();
    });
  }

  #obey(text: string): void {
    this.#changes++;
    this.#namesText = text;
    const { names, numsync } = parseStandbys(text);
    this.#names = names;
    const count = /^ANY/.test(text) ? numsync : names.length;
    // Names of nobody: commits wait for ever.
    this.#numsync = text === "" ? 0 : Math.max(1, count);
    this.#world.note(this.#self.name, `commits wait for '${text}'`);
    this.#noteInForce();
    this.#release();
  }

  #noteInForce(): void {
    this.#inForceAt = this.#self.data?.point.lsn ?? null;
  }

  /** A commit record was flushed here. */
  commit(point: Point): void {
    this.#waiting.push(point);
    this.#release();
    this.pump();
  }

  /** Clients lose their connections: whoever waited learns nothing. */
  dropCommits(): void {
    this.#waiting = [];
  }

  /** Sends what is new to everybody who streams from here. */
  pump(): void {
    for (const [name, sender] of this.#senders) {
      if (sender.isPumping) continue;
      sender.isPumping = true;
      this.#world.timeline.after(this.#world.durationMs("network"), () => {
        sender.isPumping = false;
        if (this.#senders.get(name) === sender) this.#deliver(sender);
      });
    }
  }

  #deliver(sender: Downstream): void {
    const { replica } = sender;
    const point = this.#self.data?.point;
    const isOn = replica.replication.source === this.#self &&
      !replica.isHung && !this.#self.isHung &&
      this.#world.isLinkOpen(this.#self.name, replica.name);
    if (!isOn || point === undefined) return;
    if (!canFollow(replica, this.#self)) {
      this.#senders.delete(replica.name);
      return replica.replication.lose(this.#self);
    }
    replica.advanceTo(point);
    replica.replication.pump();
    this.#world.timeline.after(this.#world.durationMs("network"), () => {
      if (this.#senders.get(replica.name) !== sender) return;
      if (!this.#world.isLinkOpen(this.#self.name, replica.name)) return;
      sender.flushedLsn = Math.max(sender.flushedLsn, point.lsn);
      this.#release();
      if ((this.#self.data?.point.lsn ?? 0) > point.lsn) this.pump();
    });
  }

  #release(): void {
    while (this.#waiting[0] !== undefined && this.#has(this.#waiting[0])) {
      const point = this.#waiting.shift();
      if (point !== undefined) {
        this.#world.acknowledged(this.#self.name, point);
      }
    }
  }

  #has(point: Point): boolean {
    const reached = (sender: Downstream | undefined): boolean =>
      sender !== undefined && sender.flushedLsn >= point.lsn;
    if (this.#namesText.includes("*")) {
      return [...this.#senders.values()].some(reached);
    }
    const having = this.#names.filter((name) =>
      reached(this.#senders.get(name))
    );
    return having.length >= this.#numsync;
  }

  #disconnect(): void {
    this.#source?.replication.forgetLater(this.#self.name);
    this.#source = null;
  }

  #tick(ms: number): void {
    if (this.#isTicking) return;
    this.#isTicking = true;
    this.#world.timeline.after(ms, () => {
      this.#isTicking = false;
      if (this.#source !== null || this.#upstream === null) return;
      if (this.#self.run === "down" || this.#self.isWritable) return;
      if (!this.#connect()) this.#tick(CONNECT_AGAIN_MS);
    });
  }

  #connect(): boolean {
    const source = this.#world.instance(this.#upstream ?? "");
    const isPossible = source !== null && source !== this.#self &&
      source.run === "running" && !source.isHung &&
      this.#self.isStandbyRunning && !this.#self.isPromoting &&
      this.#world.isLinkOpen(this.#self.name, source.name) &&
      canFollow(this.#self, source);
    if (!isPossible) return false;
    this.#source = source;
    source.replication.accept(this.#self);
    return true;
  }

  /** A replica connects: it says what it has, and gets the rest. */
  accept(replica: Instance): void {
    const flushedLsn = replica.data?.point.lsn ?? 0;
    this.#senders.set(replica.name, { replica, flushedLsn, isPumping: false });
    this.#release();
    this.pump();
  }
}
