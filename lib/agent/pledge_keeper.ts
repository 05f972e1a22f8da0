/**
 * What the agent itself knows of its pledge: the record as the disk has it, what
 * it sent to the store, and whether its source of WAL is closed. Nothing of this
 * survives the agent but the record.
 */
import { storeObstacleOf } from "../core/calc/takeover/obstacles.ts";
import type { EntryWrite, WalSource } from "../core/model/pledge_view.ts";
import type { LeaderSound, PledgeView } from "../core/model/pledge_view.ts";
import type { PledgeRecord, WalEnd } from "../core/model/pledge.ts";
import {
  after,
  type Moment,
  remainingMs,
  type Revision,
} from "../core/base/units.ts";
import type { FailsafePing } from "../core/model/failsafe.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { PostgresPledge } from "../ports/postgres.ts";
import type { PulseListener } from "../ports/pulse.ts";
import type { CatchUp } from "./catch_up.ts";

/** For so long a member whose disk took no record goes on as one that cannot pledge. */
const UNABLE_MS = 30_000;

/** What it works with. */
export interface KeeperParts {
  readonly clock: Pick<Clock, "now">;
  readonly dcs: Pick<Dcs, "capabilities">;
  /** Null: nothing here can pledge. */
  readonly pledge: PostgresPledge | null;
  /** Null: no leader can be heard. */
  readonly pulse: { readonly listener: PulseListener } | null;
  readonly listener: { leader(): FailsafePing | null };
  readonly catchUp: Pick<CatchUp, "isDone">;
}

/** Keeps the pledge of one member. */
export class PledgeKeeper {
  readonly #parts: KeeperParts;
  #record: PledgeRecord = { kind: "missing" };
  #written: EntryWrite = { kind: "unknown" };
  #source: WalSource = "open";
  #position: WalEnd | null = null;
  #unableUntil: Moment | null = null;
  #areEntriesRefused = false;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** The promise as it was read or written last. */
  get record(): PledgeRecord {
    return this.#record;
  }

  /** The store refused the own entry when it was written last. */
  get areEntriesRefused(): boolean {
    return this.#areEntriesRefused;
  }

  /** @returns Whether that is news. */
  answered(answer: "refused" | "taken"): boolean {
    const before = this.#areEntriesRefused;
    this.#areEntriesRefused = answer === "refused";
    return before !== this.#areEntriesRefused;
  }

  /** The own side of a takeover, its record read now; null: this member cannot pledge. */
  async look(): Promise<PledgeView | null> {
    const { pledge } = this.#parts;
    if (pledge === null) return null;
    // Whoever fills the data writes it as well.
    this.#record = await pledge.readRecord();
    return this.view("as_seen");
  }

  /** The same, its record as it was read or written last. */
  view(store: "as_seen" | "fresh"): PledgeView | null {
    const { dcs: { capabilities }, pledge, listener, catchUp } = this.#parts;
    if (pledge === null || this.#isUnable) return null;
    return {
      record: this.#record,
      isViewFresh: store === "fresh",
      written: this.#written,
      source: this.#source,
      position: this.#position,
      isCaughtUp: catchUp.isDone,
      hasConsented: listener.leader() !== null,
      sound: this.#sound(),
      storeObstacle: storeObstacleOf(capabilities),
    };
  }

  /**
   * On the disk when it resolves. Otherwise nobody here pledges for a while: a
   * record is only written when no pledge of this term stands in the store or is
   * on its way there, so that whoever cannot may lead and follow as ever.
   *
   * @throws What the file system says.
   */
  async write(record: PledgeRecord): Promise<void> {
    // From now on nobody is agreed to any more, although the disk may still fail.
    if (record.kind === "pledged") this.#record = record;
    this.#written = { kind: "unknown" };
    try {
      await this.#parts.pledge?.writeRecord(record);
    } catch (error) {
      this.#unableUntil = after(this.#parts.clock.now(), UNABLE_MS);
      this.#open();
      throw error;
    }
    this.#record = record;
    // Only while it stands nobody opens the source again.
    if (record.kind !== "pledged") this.#open();
  }

  /** A write of the own entry is about to be sent. */
  sent(guard: Revision | null): void {
    this.#written = { kind: "sent", guard };
  }

  /** @returns Whether the source is closed and the position known. */
  async close(): Promise<boolean> {
    // Bounded by itself, and nothing that follows may be left half done.
    const { signal } = new AbortController();
    const proof = await this.#parts.pledge?.closeSource(signal);
    if (proof?.kind !== "closed") {
      this.#open();
      return false;
    }
    this.#source = "closed";
    this.#position = proof.position;
    return proof.position !== null;
  }

  get #isUnable(): boolean {
    const until = this.#unableUntil;
    return until !== null && remainingMs(until, this.#parts.clock.now()) > 0;
  }

  #open(): void {
    this.#source = "open";
    this.#position = null;
  }

  #sound(): LeaderSound | null {
    const sight = this.#parts.pulse?.listener.sight() ?? null;
    if (sight === null) return null;
    const { leader, term, heardAt, postgresAt, refused } = sight;
    const isRefused = refused.agent && refused.postgres && refused.proxy;
    return { leader, term, heardAt, postgresAt, isRefused };
  }
}
