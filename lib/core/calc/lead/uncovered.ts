/**
 * An agent that begins and cannot reach the store yet: no cycle runs, and nobody
 * can say who leads.
 */
import type { Observation } from "../../model/observation.ts";

/** A primary that no agent holds a lease for stops, unless a pause leaves it alone. */
export function beforeFirstView(
  { postgres, settings }: Pick<Observation, "postgres" | "settings">,
): "stop" | "leave" {
  const isPrimary = postgres.kind === "running" && postgres.role === "primary";
  return isPrimary && !settings.isPaused ? "stop" : "leave";
}
