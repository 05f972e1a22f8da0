/**
 * Tells the instance which role's settings it should have. A promotion, a new
 * leader of a standby cluster, and changes that people made in pause all come
 * through here; a start takes its own role along.
 */
import type { Observation } from "../core/model/observation.ts";
import type { Log } from "../ports/log.ts";
import type { PostgresSettings } from "../ports/postgres.ts";
import type { Neighbours } from "./neighbours.ts";

/** What it takes to settle a role. */
export interface RoleParts {
  readonly log: Pick<Log, "warning">;
  readonly postgres: { readonly settings: Pick<PostgresSettings, "takeRole"> };
  readonly neighbours: Pick<Neighbours, "standbyRole">;
}

/** At the end of a cycle: nothing that keeps the lease waits for it. */
export async function settleRole(
  { log, postgres: { settings }, neighbours }: RoleParts,
  { postgres, task }: Observation,
): Promise<void> {
  // A task that starts, stops or promotes the instance says the role itself.
  if (postgres.kind !== "running" || task.kind !== "idle") return;
  const role = postgres.role === "primary"
    ? "primary"
    : neighbours.standbyRole();
  try {
    await settings.takeRole(role);
  } catch (error) {
    log.warning(
      `Cannot apply the settings of role ${role}: ${String(error)}`,
    );
  }
}
