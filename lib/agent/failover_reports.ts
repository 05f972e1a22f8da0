/**
 * Keeps changes of leader in the store: the new leader writes down its own, and
 * once more when the first transaction that wrote anything has ended; a member
 * whose WAL was left behind adds how much. Best effort, after everything else.
 */
import { after, type Moment } from "../core/base/units.ts";
import { decodeFailovers } from "../core/codec/failovers_codec.ts";
import {
  withLeftBehind,
  withRecord,
} from "../core/calc/documents/failovers.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { FailoverRecord } from "../core/model/failover.ts";
import type { MemberName } from "../core/model/member.ts";
import type { Clock } from "../ports/clock.ts";
import type { DcsLimits } from "../ports/dcs.ts";
import type { FailoverDiary, FailoverDraft } from "./failover_diary.ts";
import type { FailoverTraces } from "./failover_traces.ts";
import type { FirstWrite } from "./first_write.ts";
import type { Inbox } from "./inbox.ts";
import type { Notices } from "./notices.ts";
import type { ScopeReports } from "./scope_reports.ts";

/** A member whose repair has no place in the list stops looking for one. */
const LOOKS_MAX = 30;

/** People hear of a change that late even if nobody has written anything yet. */
const TOLD_AFTER_MS = 5_000;

/** What is written, and how. */
interface FailoverReportsParts {
  readonly clock: Pick<Clock, "now">;
  readonly diary: FailoverDiary;
  readonly firstWrite: Pick<FirstWrite, "begin" | "isOver" | "close">;
  readonly reports: Pick<ScopeReports, "writeFailovers">;
  readonly notices: Pick<Notices, "changed">;
  readonly failoverTraces: Pick<FailoverTraces, "changed">;
  readonly inbox: Pick<Inbox, "wake">;
  readonly config: () => { readonly self: MemberName };
}

/** Writes the key `failovers`. Throws what the Dcs port throws. */
export class FailoverReports {
  readonly #parts: FailoverReportsParts;
  /** How many phases of the draft stand in the store. */
  #phasesKept = 0;
  /** Kept, and told as soon as nothing more is awaited. */
  #untold: { readonly record: FailoverRecord; readonly at: Moment } | null =
    null;
  /** The term of the last change that was told. */
  #toldTerm = "";
  #looks = 0;

  constructor(parts: FailoverReportsParts) {
    this.#parts = parts;
  }

  /** Before others hear that this member is the primary: its first clients come after that. */
  begin(): void {
    const { diary, firstWrite } = this.#parts;
    if (diary.draft === null) {
      this.#phasesKept = 0;
      this.#untold = null;
    } else if (this.#phasesKept === 0) firstWrite.begin();
  }

  /**
   * As leader, of a change that the history knows.
   *
   * @param timeline Of the primary.
   */
  async publish(
    view: ClusterView,
    timeline: number,
    limits: DcsLimits,
  ): Promise<void> {
    const { diary, firstWrite } = this.#parts;
    const { draft } = diary;
    if (draft === null) return;
    // What has come since is told with the rest, not left out.
    if (draft.phases.length === this.#phasesKept) return this.#tellWhole();
    const record = this.#record(draft, view, timeline);
    if (record === null) return;
    const records = decodeFailovers(view.failovers?.text ?? null);
    if (!await this.#write(view, withRecord(records, record), limits)) return;
    this.#phasesKept = draft.phases.length;
    const { at } = this.#untold ?? { at: this.#parts.clock.now() };
    this.#untold = { record, at };
    this.#tellWhole();
    if (!firstWrite.isOver) return;
    diary.kept();
    this.#phasesKept = 0;
  }

  #tellWhole(): void {
    const { clock, firstWrite, notices, failoverTraces } = this.#parts;
    if (this.#untold === null) return;
    const { record, at } = this.#untold;
    const isTime = clock.now() >= after(at, TOLD_AFTER_MS);
    if (!firstWrite.isOver && !isTime) return;
    this.#untold = null;
    if (record.term === this.#toldTerm) return;
    this.#toldTerm = record.term;
    notices.changed(record);
    failoverTraces.changed(record);
  }

  /** As member that threw away WAL. */
  async publishLeftBehind(view: ClusterView, limits: DcsLimits): Promise<void> {
    const { diary, config } = this.#parts;
    const { leftBehind } = diary;
    if (leftBehind === null || view.leader === null) return;
    const { timeline, bytes } = leftBehind;
    const records = decodeFailovers(view.failovers?.text ?? null);
    const left = { member: config().self, bytes };
    const added = withLeftBehind(records, timeline, left);
    this.#looks += 1;
    const isKept = added !== null && await this.#write(view, added, limits);
    if (!isKept && this.#looks < LOOKS_MAX) return;
    this.#looks = 0;
    diary.keptLeftBehind();
  }

  /** Ends what still runs. */
  close(): void {
    this.#parts.firstWrite.close();
  }

  #record(
    { bid, phases }: FailoverDraft,
    view: ClusterView,
    timeline: number,
  ): FailoverRecord | null {
    const { leader, history } = view;
    const line = history?.at(-1);
    if (leader === null || line?.timeline !== timeline - 1) return null;
    const { formerLsn, ...rest } = bid;
    return {
      ...rest,
      term: leader.revision,
      leader: leader.name,
      timeline,
      phases,
      lostBytes: formerLsn === null
        ? null
        : Math.max(0, Number(formerLsn - line.switchpoint)),
      leftBehind: [],
      felt: [],
    };
  }

  /** False: somebody else has written meanwhile; the next cycle, which comes at once, tries again. */
  async #write(
    view: ClusterView,
    records: readonly FailoverRecord[],
    limits: DcsLimits,
  ): Promise<boolean> {
    const { reports, inbox } = this.#parts;
    const revision = view.failovers?.revision ?? null;
    const outcome = await reports.writeFailovers(records, revision, limits);
    if (outcome === "written") return true;
    inbox.wake();
    return false;
  }
}
