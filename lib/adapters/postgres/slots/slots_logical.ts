/**
 * Logical replication slots: made on a primary and moved on a replica, each over
 * a session in the slot's own database, because that is where it decodes.
 *
 * Source: docs/contract/ha.md 15.2; PostgreSQL 17 manual, "Replication Management Functions".
 */
import { formatLsn } from "../../../core/base/units.ts";
import type { LogicalAdvance } from "../../../core/calc/slots/slots.ts";
import type { LogicalSlot } from "../../../core/model/slot_settings.ts";
import type { Log } from "../../../ports/log.ts";
import type { LogicalSlotPlan } from "../../../ports/postgres.ts";
import { dropSlot } from "./slots.ts";
import {
  errorCode,
  errorText,
  literal,
  type Query,
  type SqlTarget,
  withConnection,
} from "../session/sql.ts";

/** Making a slot waits for the transactions of that moment to end. */
const CREATE_TIMEOUT_MS = 60_000;
/** Moving a slot reads all WAL between. */
const ADVANCE_TIMEOUT_MS = 300_000;
const DUPLICATE_OBJECT = "42710";
/** undefined_file and object_not_in_prerequisite_state: its WAL is gone. */
const USELESS = new Set(["58P01", "55000"]);

/** What a change needs. */
export interface LogicalCall {
  /** The local instance as superuser. */
  readonly target: SqlTarget;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Carries out a plan; failures are logged. */
export async function changeLogicalSlots(
  plan: LogicalSlotPlan,
  call: LogicalCall,
): Promise<void> {
  const databases = new Set(
    [...plan.create, ...plan.advance].map(({ database }) => database),
  );
  for (const database of databases) {
    if (call.signal.aborted) return;
    const target = {
      ...call.target,
      database,
      settings: {
        ...call.target.settings,
        statement_timeout: String(ADVANCE_TIMEOUT_MS),
      },
    };
    const isHere = (slot: { readonly database: string }): boolean =>
      slot.database === database;
    await withConnection(target, async (query) => {
      for (const slot of plan.create.filter(isHere)) {
        await createLogicalSlot(query, slot, call.log);
      }
      for (const advance of plan.advance.filter(isHere)) {
        await advanceLogicalSlot(query, advance, call);
      }
    }, call.signal);
  }
}

async function createLogicalSlot(
  query: Query,
  slot: LogicalSlot,
  log: Log,
): Promise<void> {
  const { name, plugin } = slot;
  try {
    await query(
      `SELECT pg_create_logical_replication_slot(${literal(name)}, ${
        literal(plugin)
      })`,
      CREATE_TIMEOUT_MS,
    );
    log.info(`Created logical replication slot '${name}'`);
  } catch (error) {
    if (errorCode(error) === DUPLICATE_OBJECT) return;
    log.error(
      `Failed to create logical replication slot '${name}' plugin='${plugin}': ${
        errorText(error)
      }`,
    );
  }
}

async function advanceLogicalSlot(
  query: Query,
  advance: LogicalAdvance,
  { log, signal }: LogicalCall,
): Promise<void> {
  const { name, position } = advance;
  try {
    await query(
      `SELECT pg_replication_slot_advance(${literal(name)}, ${
        literal(formatLsn(position))
      }::pg_lsn)`,
      ADVANCE_TIMEOUT_MS,
    );
  } catch (error) {
    if (signal.aborted) return;
    log.error(
      `Failed to advance logical replication slot '${name}': ${
        errorText(error)
      }`,
    );
    if (USELESS.has(errorCode(error))) await dropUseless(query, name, log);
  }
}

/** A missing slot is copied from the leader again; a useless one would not be. */
async function dropUseless(
  query: Query,
  name: string,
  log: Log,
): Promise<void> {
  try {
    await dropSlot(query, name);
    log.warning(`Dropped logical slot '${name}': its WAL is gone here`);
  } catch (error) {
    log.error(`Unable to drop logical slot '${name}': ${errorText(error)}`);
  }
}
