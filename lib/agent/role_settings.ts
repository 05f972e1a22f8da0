/**
 * Tells the instance which role's settings it should have. A promotion, a new
 * leader of a standby cluster, and changes that people made in pause all come
 * through here; a start takes its own role along.
 */
import type { Observation } from "../core/model/observation.ts";
import type { AgentContext } from "./context.ts";
import { standbyRole } from "./observe.ts";

/** At the end of a cycle: nothing that keeps the lease waits for it. */
export async function settleRole(
  context: AgentContext,
  { postgres, task }: Observation,
): Promise<void> {
  // A task that starts, stops or promotes the instance says the role itself.
  if (postgres.kind !== "running" || task.kind !== "idle") return;
  const role = postgres.role === "primary" ? "primary" : standbyRole(context);
  try {
    await context.ports.postgres.settings.takeRole(role);
  } catch (error) {
    context.ports.log.warning(
      `Cannot apply the settings of role ${role}: ${String(error)}`,
    );
  }
}
