/**
 * Writes down the change of leader that this member is going through, phase by
 * phase, until it is kept in the store: what it decided by, and what it knows of
 * WAL that is lost or left behind. Decides nothing.
 */
import { circumstances } from "../core/calc/lead/circumstances.ts";
import type { Ruling } from "../core/decide.ts";
import type { Lsn } from "../core/base/units.ts";
import { explain } from "../core/explain.ts";
import type { FailoverPhase } from "../core/model/failover.ts";
import type { Decision, Facts } from "../core/model/decision.ts";
import type { MemberName } from "../core/model/member.ts";
import type { Observation } from "../core/model/observation.ts";
import type { TaskOutcome } from "../core/model/task_view.ts";
import type { Clock } from "../ports/clock.ts";

/** The bid that won. */
export interface WonBid {
  readonly before: MemberName | null;
  readonly rule: string;
  readonly reason: string;
  readonly sentence: string;
  readonly facts: Facts;
  /** How far the leader before had told the store that it was. */
  readonly formerLsn: Lsn | null;
}

/** A promotion of this member that has ended well. */
export interface FailoverDraft {
  readonly bid: WonBid;
  readonly phases: readonly FailoverPhase[];
}

/** WAL of this member that the leader has not. */
export interface OwnLeftBehind {
  readonly timeline: number;
  readonly bytes: number;
}

/** What is on its mind; one value at a time. */
interface Pages {
  readonly phases: ReadonlyMap<string, number>;
  readonly bid: WonBid | null;
  readonly isPromoted: boolean;
}

const NOTHING: Pages = { phases: new Map(), bid: null, isPromoted: false };

/** Watches decisions and tasks pass by. */
export class FailoverDiary {
  readonly #clock: Pick<Clock, "now" | "wallTimeMs">;
  #pages: Pages = NOTHING;
  #leftBehind: OwnLeftBehind | null = null;

  constructor(clock: Pick<Clock, "now" | "wallTimeMs">) {
    this.#clock = clock;
  }

  /** Null: this member has not taken over, or that is kept already. */
  get draft(): FailoverDraft | null {
    const { bid, isPromoted, phases } = this.#pages;
    if (!isPromoted || bid === null) return null;
    const inOrder = [...phases].toSorted(([, one], [, other]) => one - other);
    return {
      bid,
      phases: inOrder.map(([name, atMs]) => ({ name, atMs })),
    };
  }

  /** Null: none, or that is kept already. */
  get leftBehind(): OwnLeftBehind | null {
    return this.#leftBehind;
  }

  /**
   * A phase begins now; only its first time counts.
   *
   * @param agoMs It began that long ago.
   */
  mark(phase: string, agoMs = 0): void {
    if (this.#pages.phases.has(phase)) return;
    this.#mark(phase, agoMs);
  }

  decided({ rule, decision }: Ruling, o: Observation): void {
    switch (decision.kind) {
      case "ask_peers":
        if (isVacant(o)) this.mark("detected");
        return;
      case "acquire_lease":
        this.mark("detected");
        this.#mark("decided");
        this.#pages = {
          ...this.#pages,
          bid: wonBid({ rule, decision }, o),
          isPromoted: false,
        };
        return;
      case "write_pledge_record":
        if (decision.record.kind === "pledged") this.mark("suspected");
        // The leader lives, or another one leads.
        else if (decision.reason !== "term_over") this.#pages = NOTHING;
        return;
      case "write_pledge":
        if (decision.pledge !== null) this.mark("pledged");
        return;
      case "write_fencing":
        if (decision.reason === "leader_suspected") this.mark("suspected");
        if (decision.reason === "host_fenced") this.#mark("fenced");
        // The leader lives.
        if (decision.reason === "withdrawn" || decision.reason === "vetoed") {
          this.#pages = NOTHING;
        }
        return;
      case "take_lease":
      case "take_fenced_lease":
        this.#mark("taken");
        this.#pages = {
          ...this.#pages,
          bid: wonBid({ rule, decision }, o),
          isPromoted: false,
        };
        return;
      case "start_task":
        this.#leftBehind = leftBehindIn(decision) ?? this.#leftBehind;
        return;
      case "wait":
        if (decision.reason === "following") this.#pages = NOTHING;
        // It leads without a promotion: it did all along.
        if (decision.reason === "leading" && !this.#pages.isPromoted) {
          this.#pages = NOTHING;
        }
        return;
      default:
        return;
    }
  }

  ended({ task, result, endedAt }: TaskOutcome): void {
    if (task.kind !== "promote" || result !== "done") return;
    if (this.#pages.bid === null) return;
    this.#mark("promoted", this.#clock.now() - endedAt);
    this.#pages = { ...this.#pages, isPromoted: true };
  }

  /** The change stands in the store, and nothing more will come. */
  kept(): void {
    this.#pages = NOTHING;
  }

  /** What was left behind stands in the store, or has no place there. */
  keptLeftBehind(): void {
    this.#leftBehind = null;
  }

  #mark(phase: string, agoMs = 0): void {
    const atMs = this.#clock.wallTimeMs() - agoMs;
    const phases = new Map([...this.#pages.phases, [phase, atMs]]);
    this.#pages = { ...this.#pages, phases };
  }
}

function isVacant(o: Observation): boolean {
  return o.dcs.kind === "reachable" && o.dcs.view.leader === null;
}

function wonBid({ rule, decision }: Ruling, o: Observation): WonBid {
  const view = o.dcs.kind === "reachable" ? o.dcs.view : null;
  const facts = circumstances(decision, o);
  const { former } = facts;
  return {
    before: typeof former === "string"
      ? former
      : view?.history?.at(-1)?.newLeader ?? null,
    rule,
    reason: decision.reason,
    sentence: explain(decision, o.self),
    facts,
    formerLsn: view?.status.leaderLsn ?? null,
  };
}

/** What a repair throws away stands in the facts that it rests on. */
function leftBehindIn(
  decision: Extract<Decision, { kind: "start_task" }>,
): OwnLeftBehind | null {
  const { kind } = decision.task;
  if (kind !== "rewind" && kind !== "remove_data") return null;
  const { localTimeline, localEndLsn, switchpoint } = decision.facts;
  const isWhole = typeof localTimeline === "number" &&
    typeof localEndLsn === "bigint" && typeof switchpoint === "bigint";
  if (!isWhole) return null;
  const bytes = Math.max(0, Number(localEndLsn - switchpoint));
  return { timeline: localTimeline, bytes };
}
