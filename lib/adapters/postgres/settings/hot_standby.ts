/**
 * A standby refuses to start with less than its primary had: the larger values
 * of pg_control win over the configured ones.
 *
 * Source: docs/contract/configuration.md 6.6; PostgreSQL 17 manual, "Administrator's
 * Overview" of hot standby.
 */
import type { PendingRestartReason } from "../../../core/model/member.ts";
import type { ControlData } from "../../../core/model/postgres_view.ts";
import type { Log } from "../../../ports/log.ts";

const LABELS: Readonly<Record<string, string>> = {
  max_connections: "max_connections setting",
  max_prepared_transactions: "max_prepared_xacts setting",
  max_locks_per_transaction: "max_locks_per_xact setting",
  max_worker_processes: "max_worker_processes setting",
  max_wal_senders: "max_wal_senders setting",
};

/** Command line of a standby, and what waits for a later restart. */
export interface StandbyMinimums {
  readonly commandLine: Readonly<Record<string, string>>;
  readonly pending: Readonly<Record<string, PendingRestartReason>>;
}

/** Raises `commandLine` to what pg_control says. */
export function withMinimums(
  commandLine: Readonly<Record<string, string>>,
  control: ControlData | null,
  log: Log,
): StandbyMinimums {
  const raised: Record<string, string> = { ...commandLine };
  const pending: Record<string, PendingRestartReason> = {};
  for (const [name, label] of Object.entries(LABELS)) {
    const minimum = control?.settings[label];
    const configured = commandLine[name];
    if (configured === undefined) continue;
    if (minimum === undefined) {
      log.warning(`${label} is missing from pg_controldata output`);
    } else if (minimum > Number(configured)) {
      log.warning(
        `${name} value in pg_controldata: ${minimum}, in the global ` +
          `configuration: ${configured}. pg_controldata value will be used. ` +
          "Setting 'Pending restart' flag",
      );
      raised[name] = String(minimum);
      pending[name] = { oldValue: String(minimum), newValue: configured };
    }
  }
  return { commandLine: raised, pending };
}
