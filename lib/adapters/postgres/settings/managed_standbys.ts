/** Whether synchronous_standby_names is the agent's or the user's, read back from the generated file. */
import type { EffectivePostgresConfig } from "../options.ts";
import { authorOf, parseSettings } from "./settings_file.ts";

/** Who decides synchronous_standby_names. */
export type Standbys =
  | { readonly kind: "user" }
  | { readonly kind: "managed"; readonly value: string };

/** Who decides, by what an earlier agent left in the file. */
export function standbysIn(
  text: string,
  config: EffectivePostgresConfig,
  memberName: string,
): Standbys {
  const old = parseSettings(text);
  const value = old?.parameters["synchronous_standby_names"];
  if (value === undefined) return { kind: "user" };
  // Patroni leaves no mark: what the user did not configure is the agent's.
  const isManaged = authorOf(text) === "Patroni"
    ? value !== config.parameters["synchronous_standby_names"]
    : old?.standbysManagedBy === memberName;
  return isManaged ? { kind: "managed", value } : { kind: "user" };
}
