/**
 * A PostgreSQL instance as far as failover is concerned: a data directory whose
 * content is a point in the tree of WAL branches, a postmaster that starts,
 * stops, crashes and promotes in its own time, and commits that wait for the
 * replicas that synchronous_standby_names lists.
 *
 * It lives in the world's time and not in its agent's: what was begun goes on
 * when the agent is frozen, dead, or no longer interested.
 */
import type { ControlState } from "../../../lib/core/model/postgres_view.ts";
import type { Timeline } from "./timeline.ts";
import { Replication } from "./replication.ts";
import { contains, firstBranch, fork, type Point } from "./wal.ts";

/** How long things take, and whether they fail; drawn anew each time. */
export type Work =
  | "start"
  | "crash_recovery"
  | "shutdown"
  | "checkpoint"
  | "promote"
  | "copy"
  | "reload"
  /** Until it reads what was reloaded. */
  | "checkpointer"
  | "network";

/** What an instance needs of the world around it. */
export interface Surroundings {
  readonly timeline: Timeline;
  durationMs(work: Work): number;
  isFailing(work: Work): boolean;
  isLinkOpen(a: string, b: string): boolean;
  instance(name: string): Instance | null;
  acknowledged(name: string, point: Point): void;
  promotionBegan(name: string): void;
  promoted(name: string): void;
  note(name: string, text: string): void;
}

/** The data directory. */
export interface Data {
  readonly systemId: string;
  readonly point: Point;
  /** standby.signal is there. */
  readonly isStandby: boolean;
  readonly control: ControlState;
  readonly checkpointTimeline: number;
}

/** What a program leaves whose agent was killed. */
export type HalfMade = "half_made" | "half_rewound";

/** How an instance is told to stop. */
export interface Stop {
  readonly mode: "fast" | "immediate";
  readonly isCheckpointFirst: boolean;
  readonly onCheckpoint: ((lsn: number) => void) | null;
}

/** System identifier of every data directory of a world. */
export const DAY_ZERO = "7277694203142172922";

/** One instance. Callbacks come in the world's time, not the agent's. */
export class Instance {
  readonly name: string;
  readonly replication: Replication;
  readonly #world: Surroundings;
  #data: Data | null = null;
  #run: "down" | "starting" | "running" | "stopping" = "down";
  #isPromoting = false;
  /** Changes whenever what was under way does not count any more. */
  #epoch = 0;
  #onDown: (() => void)[] = [];
  /** The postmaster is there but answers nobody. */
  isHung = false;
  /** Replay waits for settings as large as the primary's; a start gives them. */
  isReplayBlocked = false;
  /** Number of the copy that is under way; null: none is. */
  #copy: number | null = null;
  #copies = 0;
  /** Number of the rewind that is under way; null: none is. */
  #rewind: number | null = null;
  #half: HalfMade | null = null;
  pid = 0;
  /** Number of the disk that the data is on. */
  disk = 1;
  /** Logical slots: how far each is confirmed. A crash forgets none, a copy brings none. */
  readonly slots = new Map<string, number>();

  constructor(name: string, world: Surroundings) {
    this.name = name;
    this.#world = world;
    this.replication = new Replication(this, world);
  }

  get data(): Data | null {
    return this.#data;
  }

  /** A copy or a rewind was begun and nobody finished it. */
  get half(): HalfMade | null {
    return this.#half;
  }

  get run(): "down" | "starting" | "running" | "stopping" {
    return this.#run;
  }

  /** Clients could write now. */
  get isWritable(): boolean {
    return this.#run === "running" && this.#data?.isStandby === false &&
      !this.isHung;
  }

  /** In recovery, and able to follow or to be promoted. */
  get isStandbyRunning(): boolean {
    return this.#run === "running" && this.#data?.isStandby === true &&
      !this.isHung;
  }

  get isPromoting(): boolean {
    return this.#isPromoting;
  }

  /** Fills the directory without cost; for the beginning of a world. */
  install(point: Point, as: "primary" | "standby"): void {
    this.#data = {
      systemId: DAY_ZERO,
      point,
      isStandby: as === "standby",
      control: "shut down",
      checkpointTimeline: point.branch.timeline,
    };
  }

  /** Moves the end of the local WAL. */
  advanceTo(point: Point): void {
    this.#change({ point });
  }

  /** Runs `done` when the postmaster of now has ended, at once if none runs. */
  whenDown(done: () => void): void {
    if (this.#run === "down") done();
    else this.#onDown.push(done);
  }

  /** initdb and a first start. */
  bootstrap(done: (isDone: boolean) => void): void {
    const isFailing = this.#world.isFailing("start");
    this.#in("copy", () => {
      if (isFailing || this.#data !== null) return done(false);
      this.install({ branch: firstBranch(), lsn: 1_000 }, "primary");
      this.start("primary", done);
    });
  }

  /** Starts the postmaster; it goes on whoever listens. */
  start(
    as: "primary" | "standby",
    done: (isRunning: boolean) => void,
  ): void {
    if (this.#data === null || this.#run === "stopping") return done(false);
    if (this.#run !== "down") return done(this.#run === "running");
    const hadCrashed = this.#data.control === "in production";
    this.#change({ isStandby: as === "standby" });
    this.#run = "starting";
    this.isReplayBlocked = false;
    this.pid++;
    this.#world.note(this.name, `postmaster starts as ${as}`);
    const isFailing = this.#world.isFailing("start");
    const settle = once(done);
    this.whenDown(() => settle(false));
    this.#in(hadCrashed ? "crash_recovery" : "start", () => {
      if (isFailing) this.kill();
      else this.#serve();
      settle(!isFailing);
    });
  }

  /** Stops the postmaster; `onDown` says when it is gone. */
  stop(how: Stop, done: () => void): void {
    this.whenDown(done);
    if (this.#run === "down") return;
    if (how.mode === "immediate") return this.#end("shutdown");
    if (this.#run === "stopping") return;
    if (this.#run === "starting") return this.#end("shutdown");
    const isCheckpointed = how.isCheckpointFirst && this.isWritable;
    if (!isCheckpointed) return this.#shutDown(how);
    this.#in("checkpoint", () => this.#shutDown(how));
  }

  /** kill -9 of the postmaster and its children. */
  kill(): void {
    if (this.#run === "down") return;
    this.#epoch++;
    this.#run = "down";
    this.#isPromoting = false;
    this.isHung = false;
    this.replication.stop();
    this.#world.note(this.name, "postmaster is gone");
    const waiting = this.#onDown;
    this.#onDown = [];
    for (const done of waiting) done();
  }

  /** pg_promote: cannot be taken back, only stopped. */
  promote(done: (isPrimary: boolean) => void): void {
    if (!this.isStandbyRunning) return done(this.isWritable);
    const settle = once(done);
    this.whenDown(() => settle(false));
    if (!this.#isPromoting) {
      this.#isPromoting = true;
      this.#world.promotionBegan(this.name);
      this.replication.follow(null);
      this.#in("promote", () => {
        this.#becomePrimary();
        settle(true);
      });
    }
  }

  checkpoint(done: () => void): void {
    const settle = once(done);
    this.whenDown(() => settle(undefined));
    this.#in("checkpoint", () => {
      const timeline = this.#data?.point.branch.timeline;
      if (timeline !== undefined && this.#run === "running") {
        this.#change({ checkpointTimeline: timeline });
      }
      settle(undefined);
    });
  }

  /** pg_rewind: the content of a primary, up to where it is now. */
  rewind(source: string, done: (isDone: boolean) => void): void {
    const copy = ++this.#copies;
    this.#rewind = copy;
    this.#in("copy", () => {
      if (this.#rewind !== copy) return done(false);
      this.#rewind = null;
      const other = this.#source(source);
      const isPossible = other?.isWritable === true && this.#run === "down";
      if (!isPossible || other.data === null) return done(false);
      this.#change({ point: other.data.point, isStandby: true });
      this.slots.clear();
      done(true);
    });
  }

  /** pg_basebackup into the empty directory. */
  clone(source: string, done: (isDone: boolean) => void): void {
    const copy = ++this.#copies;
    this.#copy = copy;
    this.#in("copy", () => {
      if (this.#copy !== copy) return done(false);
      this.#copy = null;
      const data = this.#source(source)?.data ?? null;
      if (data === null || this.#data !== null) return done(false);
      this.#data = { ...data, isStandby: true, control: "in archive recovery" };
      done(true);
    });
  }

  /** Its agent is gone, and the program that copied with it. */
  interruptCopy(): void {
    if (this.#rewind !== null && this.#run === "down") {
      this.#rewind = null;
      this.#data = null;
      this.slots.clear();
      this.#half = "half_rewound";
      return this.#world.note(this.name, "the rewind stays unfinished");
    }
    if (this.#copy === null || this.#data !== null) return;
    this.#copy = null;
    this.#half = "half_made";
    this.#world.note(this.name, "the copy stays half-made");
  }

  removeData(): void {
    if (this.#run !== "down") return;
    this.#data = null;
    this.#half = null;
    this.slots.clear();
  }

  /** The disk is replaced under a living instance, and what lay beside the data with it. */
  loseData(): void {
    this.disk++;
    // First: whoever waited for the end would start it again.
    this.#data = null;
    this.slots.clear();
    this.kill();
    this.#world.note(this.name, "all data is lost");
  }

  /** One commit of `bytes`; acknowledged when the listed replicas have it. */
  commit(bytes: number): void {
    if (!this.isWritable || this.#data === null) return;
    const { branch, lsn } = this.#data.point;
    const point = { branch, lsn: lsn + bytes };
    this.advanceTo(point);
    this.replication.commit(point);
  }

  #source(name: string): Instance | null {
    const other = this.#world.instance(name);
    const isThere = other !== null && other.run === "running" &&
      !other.isHung && this.#world.isLinkOpen(this.name, name);
    return isThere ? other : null;
  }

  #serve(): void {
    if (this.#data === null) return;
    this.#run = "running";
    const { branch, lsn } = this.#data.point;
    if (this.#data.isStandby) {
      this.#change({ control: "in archive recovery" });
      this.#world.note(this.name, "standby accepts connections");
    } else {
      this.#change({
        control: "in production",
        point: { branch, lsn: lsn + 1 },
      });
      this.#world.note(this.name, "primary accepts connections");
    }
    this.replication.begin("started");
  }

  #shutDown(how: Stop): void {
    if (this.#data === null) return;
    const { isStandby, point } = this.#data;
    this.#epoch++;
    this.#run = "stopping";
    this.#isPromoting = false;
    this.replication.dropCommits();
    this.#in("shutdown", () => {
      if (isStandby) this.#change({ control: "shut down in recovery" });
      else {
        const end = { branch: point.branch, lsn: point.lsn + 1 };
        this.#change({ control: "shut down", point: end });
        this.replication.pump();
        how.onCheckpoint?.(end.lsn);
      }
      this.#end("shutdown");
    });
  }

  #end(work: Work): void {
    this.#epoch++;
    this.#run = "stopping";
    this.#isPromoting = false;
    this.replication.dropCommits();
    this.#in(work, () => this.kill());
  }

  #becomePrimary(): void {
    if (this.#data === null || !this.#isPromoting) return;
    const branch = fork(this.#data.point);
    const lsn = this.#data.point.lsn + 1;
    this.#isPromoting = false;
    this.#change({
      point: { branch, lsn },
      isStandby: false,
      control: "in production",
    });
    this.#world.note(this.name, `promoted, timeline ${branch.timeline}`);
    this.replication.begin("promoted");
    this.#world.promoted(this.name);
  }

  #change(changes: Partial<Data>): void {
    if (this.#data !== null) this.#data = { ...this.#data, ...changes };
  }

  /** Later, unless something else happened to the postmaster first. */
  #in(work: Work, action: () => void): void {
    const epoch = this.#epoch;
    this.#world.timeline.after(this.#world.durationMs(work), () => {
      if (this.#epoch === epoch) action();
    });
  }
}

/** True if `replica` could stream from `source`. */
export function canFollow(replica: Instance, source: Instance): boolean {
  if (replica.data === null || source.data === null) return false;
  return contains(source.data.point, replica.data.point);
}

function once<T>(call: (value: T) => void): (value: T) => void {
  let isCalled = false;
  return (value) => {
    if (isCalled) return;
    isCalled = true;
    call(value);
  };
}
