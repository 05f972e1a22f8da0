/**
 * What an operator (REST, signal) asked of this one agent. Requests that concern
 * the whole scope travel through the `failover` and `config` keys instead.
 */

/** A request that waits for the loop. */
export type OperatorRequest =
  | {
    readonly kind: "restart";
    readonly timeoutMs: number | null;
  }
  | {
    readonly kind: "reinitialize";
    readonly isForcedFromLeader: boolean;
  };

/** Conditions of a restart. Source: docs/contract/ha.md 9.1. */
export interface RestartFilters {
  readonly role: "primary" | "standby_leader" | "replica" | null;
  /** Only servers older than that are restarted. */
  readonly postgresVersion: string | null;
  readonly isPendingOnly: boolean;
  readonly timeoutMs: number | null;
}

/** A restart that waits for its time; lost when the agent ends. */
export interface ScheduledRestart {
  /** ISO 8601 with zone. */
  readonly schedule: string;
  readonly filters: RestartFilters;
  /** Of the server that was meant; another one is not restarted. Null: none ran. */
  readonly postmasterStartTime: string | null;
}
