/**
 * The changes that bring the replication slots of this instance in line with
 * those that it should have (slots_wanted.ts): make, drop, move.
 *
 * Source: docs/contract/ha.md 15.2.
 */
import type { Lsn } from "../../base/units.ts";
import type { SlotView } from "../../model/postgres_view.ts";
import type { IgnoredSlot, LogicalSlot } from "../../model/slot_settings.ts";
import {
  isFeedbackForced,
  type SlotInputs,
  type WantedLogical,
  type WantedPhysical,
  type WantedSlot,
  wantedSlots,
} from "./slots_wanted.ts";

/** A logical slot to move. */
export interface LogicalAdvance {
  readonly name: string;
  readonly database: string;
  readonly position: Lsn;
}

/** Why a slot is dropped. */
export type DropReason =
  | "unknown"
  | "wal_lost"
  | "changed"
  | "stale_xmin"
  | "never_synced"
  | "no_wal_reserved";

/** The changes. Drops come first: some names are made again at once. */
export interface SlotChanges {
  readonly drop: readonly {
    readonly name: string;
    readonly reason: DropReason;
  }[];
  /** Physical. */
  readonly create: readonly string[];
  /** Physical. */
  readonly advance: Readonly<Record<string, Lsn>>;
  readonly createLogical: readonly LogicalSlot[];
  readonly advanceLogical: readonly LogicalAdvance[];
  /** hot_standby_feedback must be on, whatever the user configured. */
  readonly isFeedbackForced: boolean;
  /** What is wrong with the wanted names. */
  readonly problems: readonly string[];
}

/** Plans the changes of one cycle. */
export function planSlots(inputs: SlotInputs): SlotChanges {
  const { slots, problems } = wantedSlots(inputs);
  const { postgres } = inputs;
  const drop = postgres.slots.flatMap((slot) => {
    const reason = dropReason(inputs, slot, slots.get(slot.name));
    return reason === null ? [] : [{ name: slot.name, reason }];
  });
  const dropped = new Set(drop.map(({ name }) => name));
  const kept = postgres.slots.filter((slot) => !dropped.has(slot.name));
  const keptNames = new Set(kept.map(({ name }) => name));
  const missing = [...slots.values()]
    .filter((slot) => !keptNames.has(slot.name))
    .sort((a, b) => a.name < b.name ? -1 : 1);
  return {
    drop,
    create: missing.filter(isPhysical).map(({ name }) => name),
    advance: Object.fromEntries(
      kept.flatMap((slot) => advanceOf(slot, slots.get(slot.name))),
    ),
    createLogical: postgres.role === "primary"
      ? missing.filter(isLogical).map(({ name, database, plugin }) => ({
        name,
        database,
        plugin,
      }))
      : [],
    advanceLogical: kept.flatMap((slot) =>
      logicalAdvanceOf(inputs, slot, slots.get(slot.name))
    ),
    isFeedbackForced: isFeedbackForced(inputs),
    problems,
  };
}

/**
 * Permanent logical slots that a replica lacks and the leader has: they can only
 * be copied while the instance is down.
 */
export function slotsToCopy(inputs: SlotInputs): readonly LogicalSlot[] {
  if (inputs.postgres.role !== "replica") return [];
  const existing = new Set(inputs.postgres.slots.map(({ name }) => name));
  return [...wantedSlots(inputs).slots.values()].filter(isLogical)
    .filter((slot) => !existing.has(slot.name) && slot.target !== null)
    .map(({ name, database, plugin }) => ({ name, database, plugin }));
}

/** Whether `existing` is what `wanted` asks for. */
export function isSameSlot(existing: SlotView, wanted: WantedSlot): boolean {
  if (wanted.type === "physical") return existing.type === "physical";
  return existing.type === "logical" && existing.plugin === wanted.plugin &&
    existing.database === wanted.database;
}

function dropReason(
  inputs: SlotInputs,
  slot: SlotView,
  wanted: WantedSlot | undefined,
): DropReason | null {
  const { settings } = inputs;
  const isLeft = settings.isPaused ||
    settings.slots.ignored.some((ignored) => isIgnored(slot, ignored));
  if (slot.isNeverSynced) return isLeft ? null : "never_synced";
  if (wanted === undefined) return isLeft ? null : "unknown";
  if (slot.walStatus === "lost" && !settings.isPaused) return "wal_lost";
  if (!isSameSlot(slot, wanted)) return "changed";
  if (wanted.type === "logical" || wanted.use !== "inactive") return null;
  if (slot.isActive) return null;
  if (slot.xmin !== null) return isXminStale(inputs) ? "stale_xmin" : null;
  return slot.restartLsn === null ? "no_wal_reserved" : null;
}

/** Every property that is given must match. */
function isIgnored(slot: SlotView, ignored: IgnoredSlot): boolean {
  return (ignored.name === null || ignored.name === slot.name) &&
    (ignored.type === null || ignored.type === slot.type) &&
    (ignored.database === null || ignored.database === slot.database) &&
    (ignored.plugin === null || ignored.plugin === slot.plugin);
}

/**
 * Nobody uses the slot, so its xmin would hold back vacuum for ever. A leader
 * that is still in recovery may have members that are about to come.
 */
function isXminStale({ view, self, postgres }: SlotInputs): boolean {
  if (view.leader === null) return false;
  return !(view.leader.name === self && postgres.role === "replica");
}

function advanceOf(
  slot: SlotView,
  wanted: WantedSlot | undefined,
): readonly (readonly [string, Lsn])[] {
  if (wanted?.type !== "physical" || wanted.use !== "inactive") return [];
  const { target } = wanted;
  const isFree = !slot.isActive && slot.xmin === null;
  if (!isFree || target === null || slot.restartLsn === null) return [];
  return target > slot.restartLsn ? [[slot.name, target]] : [];
}

function logicalAdvanceOf(
  { postgres }: SlotInputs,
  slot: SlotView,
  wanted: WantedSlot | undefined,
): readonly LogicalAdvance[] {
  if (postgres.role !== "replica" || wanted?.type !== "logical") return [];
  const { target, database, name } = wanted;
  const from = slot.confirmedFlushLsn;
  const { replayedLsn } = postgres;
  // The leader's position means nothing on a line of WAL that is not the leader's.
  if (!postgres.isStreaming) return [];
  if (slot.isActive || target === null || from === null) return [];
  if (replayedLsn === null) return [];
  const position = target < replayedLsn ? target : replayedLsn;
  return position > from ? [{ name, database, position }] : [];
}

function isPhysical(slot: WantedSlot): slot is WantedPhysical {
  return slot.type === "physical";
}

function isLogical(slot: WantedSlot): slot is WantedLogical {
  return slot.type === "logical";
}
