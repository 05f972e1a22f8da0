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
