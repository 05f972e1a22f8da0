/**
 * A standby cluster: a scope whose leader follows an instance of another scope.
 */
import type { MemberName } from "./member.ts";

/**
 * Stands for the instance that a standby cluster follows wherever a member's name
 * stands otherwise. No member can have it: names with a space are refused.
 */
export const REMOTE: MemberName = "remote member";

/** The section `standby_cluster`. Source: docs/contract/configuration.md 4.3. */
export interface StandbyCluster {
  /** One host or a comma list; null: nothing to stream from, only an archive. */
  readonly host: string | null;
  readonly port: number;
  /** Slot on the remote side; null: none is used. */
  readonly primarySlotName: string | null;
  readonly createReplicaMethods: readonly string[];
  readonly restoreCommand: string | null;
  readonly archiveCleanupCommand: string | null;
  readonly recoveryMinApplyDelay: string | null;
}
