/** The poolers of a configuration, as the agent holds them during a switchover. */
import { PgbouncerPoolers } from "../adapters/pgbouncer/pgbouncer_poolers.ts";
import type { LocalConfig } from "../config/local_config.ts";
import type { Log } from "../ports/log.ts";
import type { Poolers } from "../ports/poolers.ts";

/** Without a section nobody is called; a reload may bring one. */
export function pgbouncers(
  { postgresql }: LocalConfig,
  log: Log,
  current: () => LocalConfig["pooler"],
): Poolers {
  return new PgbouncerPoolers({
    log,
    dataDir: postgresql.dataDir,
    options: () => {
      const { pgbouncer } = current();
      return {
        admins: pgbouncer?.admin ?? [],
        databases: pgbouncer?.databases ?? [],
        pauseTimeoutMs: pgbouncer?.pauseTimeoutMs ?? 0,
        pauseMsMax: pgbouncer?.pauseMsMax ?? 0,
      };
    },
  });
}
