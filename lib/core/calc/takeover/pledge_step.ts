/**
 * The order in which a voter makes and takes back a pledge. Each call gives the
 * one next thing to do; what it came to is part of the next call's facts.
 *
 * It is a promise in two places. The record on the own disk is written first and
 * taken back last, and while it stands the member takes WAL from nobody. The
 * entry in the store is written when that is proven and emptied before WAL flows
 * again. Writes of the entry may come late, twice or never: each names the
 * revision that it replaces, so one that is still on its way dies as soon as the
 * entry is seen at another revision than the one that the last write named.
 */
import type { Revision } from "../../base/units.ts";
import type {
  Pledge,
  PledgeKey,
  PledgeRecord,
  WalEnd,
} from "../../model/pledge.ts";
import type { EntryWrite, WalSource } from "../../model/pledge_view.ts";

/** All that the next step depends on. */
export interface PledgeSight {
  readonly record: PledgeRecord;
  readonly wish: "pledge" | "follow";
  /**
   * The revision of the leader key, in a snapshot asked for after the record was
   * read; null: nobody leads, or this member does.
   */
  readonly term: Revision | null;
  /** The own entry in the same snapshot; null: there is none. */
  readonly entry: PledgeKey | null;
  readonly written: EntryWrite;
  readonly source: WalSource;
  /** Read after the source was closed; null: not known for sure. */
  readonly position: WalEnd | null;
  /** Since its data was filled it has had all that its leader had when it connected. */
  readonly isCaughtUp: boolean;
}

/** The next thing to do. Only with `free` may the member follow anybody. */
export type PledgeStep =
  | { readonly kind: "write_record"; readonly record: PledgeRecord }
  | { readonly kind: "close_source" }
  | {
    readonly kind: "write_entry";
    readonly pledge: Pledge | null;
    readonly guard: Revision | null;
  }
  | {
    readonly kind: "hold";
    readonly reason: "pledge_stands" | "position_unknown";
  }
  | { readonly kind: "free" };

/** What to do next. */
export function pledgeStep(sight: PledgeSight): PledgeStep {
  const { record, term, wish } = sight;
  switch (record.kind) {
    case "missing":
      return withdrawal(sight, "behind");
    case "behind":
      return sight.isCaughtUp ? recordOf("none") : { kind: "free" };
    case "none":
      return wish === "pledge" && term !== null
        ? { kind: "write_record", record: { kind: "pledged", term } }
        : { kind: "free" };
    case "pledged":
      // A pledge of another term binds nobody and counts for nothing.
      if (record.term !== term) return recordOf("none");
      return wish === "follow" || isVetoed(sight, record.term)
        ? withdrawal(sight, "none")
        : pledging(sight, record.term);
  }
}

/** The entry was written and is empty again; nobody else writes anything else. */
export function isVetoed(
  { entry, written }: Pick<PledgeSight, "entry" | "written">,
  term: Revision,
): boolean {
  return written.kind === "sent" && entry !== null &&
    entry.revision !== written.guard && entry.pledge?.term !== term;
}

function pledging(sight: PledgeSight, term: Revision): PledgeStep {
  const { source, entry, position } = sight;
  if (source === "open") return { kind: "close_source" };
  if (entry?.pledge?.term === term) {
    return { kind: "hold", reason: "pledge_stands" };
  }
  if (position === null) return { kind: "hold", reason: "position_unknown" };
  const pledge = { term, timeline: position.timeline, lsn: position.lsn };
  return { kind: "write_entry", pledge, guard: entry?.revision ?? null };
}

/** The record goes when the entry is empty and no write of it is on its way. */
function withdrawal(
  { entry, written }: PledgeSight,
  then: "behind" | "none",
): PledgeStep {
  const isOver = written.kind === "sent" && entry !== null &&
    entry.pledge === null && entry.revision !== written.guard;
  return isOver
    ? recordOf(then)
    : { kind: "write_entry", pledge: null, guard: entry?.revision ?? null };
}

function recordOf(kind: "behind" | "none"): PledgeStep {
  return { kind: "write_record", record: { kind } };
}
