/**
 * A recovery that somebody prepared in the data directory: a backup that was
 * restored by hand, or by a tool, to be recovered up to a target. Without a
 * target a restored backup is nothing special: it starts as standby, replays all
 * there is, and takes part in the race.
 *
 * Source: PostgreSQL 17 manual, "Recovering Using a Continuous Archive Backup".
 */

/** Why such a recovery cannot even begin. */
export type RestoreProblem = "no_restore_command" | "settings_unreadable";

/** What its settings say. */
export interface RestoreView {
  /** As `name = value`; empty if the settings cannot be read. */
  readonly target: string;
  /** What happens at the target. */
  readonly action: "pause" | "promote" | "shutdown";
  readonly problem: RestoreProblem | null;
}
