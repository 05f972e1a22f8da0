/**
 * Replication slots: dropped, and physical ones made and advanced, one by one,
 * so that a single bad one does not keep the others from being handled.
 *
 * Source: docs/contract/ha.md 15.2.
 */
import { formatLsn, type Lsn } from "../../../core/base/units.ts";
import { PostgresError } from "../../../ports/errors.ts";
import type { Log } from "../../../ports/log.ts";
import type { SlotPlan } from "../../../ports/postgres.ts";
import { errorCode, errorText, literal, type Query } from "../session/sql.ts";

const STATEMENT_TIMEOUT_MS = 5_000;
const DUPLICATE_OBJECT = "42710";
const UNDEFINED_OBJECT = "42704";
const OBJECT_IN_USE = "55006";
/** All of max_replication_slots are taken; trying each further one fills the log. */
const LIMIT_EXCEEDED = "53400";

/** Carries out a plan; failures are logged. */
export async function changeSlots(
  query: Query,
  plan: SlotPlan,
  log: Log,
): Promise<void> {
  for (const name of plan.drop) {
    await attempt(
      () => dropSlot(query, name),
      `drop replication slot '${name}'`,
    );
  }
  for (const [at, name] of plan.create.entries()) {
    const code = await attempt(
      () => createSlot(query, name),
      `create physical replication slot '${name}'`,
    );
    if (code !== LIMIT_EXCEEDED) continue;
    const more = plan.create.length - at - 1;
    if (more > 0) log.error(`Not made either: ${more} more slots`);
    break;
  }
  for (const [name, position] of Object.entries(plan.advance)) {
    await attempt(
      () => advanceSlot(query, name, position),
      `advance replication slot '${name}'`,
    );
  }

  /** The failure's code; null: there was none. */
  async function attempt(
    work: () => Promise<void>,
    what: string,
  ): Promise<string | null> {
    try {
      await work();
      return null;
    } catch (error) {
      log.error(`Unable to ${what}, ${errorText(error)}`);
      return errorCode(error);
    }
  }
}

/** No error if it is gone already; one that is in use stays. */
export async function dropSlot(query: Query, name: string): Promise<void> {
  try {
    await query(
      `SELECT pg_drop_replication_slot(${literal(name)})`,
      STATEMENT_TIMEOUT_MS,
    );
  } catch (error) {
    const code = errorCode(error);
    if (code === OBJECT_IN_USE) throw new PostgresError("slot is active");
    if (code !== UNDEFINED_OBJECT) throw error;
  }
}

/** With WAL reserved from now on, not from the first connection on. */
async function createSlot(query: Query, name: string): Promise<void> {
  try {
    await query(
      `SELECT pg_create_physical_replication_slot(${literal(name)}, true)`,
      STATEMENT_TIMEOUT_MS,
    );
  } catch (error) {
    if (errorCode(error) !== DUPLICATE_OBJECT) throw error;
  }
}

/** Never backwards, never past what this instance has. */
async function advanceSlot(
  query: Query,
  name: string,
  position: Lsn,
): Promise<void> {
  await query(
    `SELECT pg_replication_slot_advance(slot_name, least(target, own))
       FROM (SELECT slot_name, restart_lsn,
               ${literal(formatLsn(position))}::pg_lsn AS target,
               CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                 ELSE pg_current_wal_flush_lsn() END AS own
             FROM pg_replication_slots
             WHERE slot_name = ${literal(name)} AND NOT active) s
       WHERE restart_lsn < least(target, own)`,
    STATEMENT_TIMEOUT_MS,
  );
}
