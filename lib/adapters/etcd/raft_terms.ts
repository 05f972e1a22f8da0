/**
 * Tells a stale node by its Raft term, which only grows within a cluster.
 *
 * Source: docs/contract/dcs.md 5.3.
 */
import type { IResponseHeader } from "etcd3";

/** What of an answer's header identifies the state of the cluster. */
export type TermHeader = Pick<IResponseHeader, "cluster_id" | "raft_term">;

/** A node answered from the past: another one must be asked. */
export class StaleNodeError extends Error {
  override readonly name: string = "StaleNodeError";
}

/** The highest term seen. */
export class RaftTerms {
  #clusterId = "";
  #highest = 0n;

  /** Whether the answer is of the newest term; a higher one becomes it. */
  isCurrent(header: TermHeader): boolean {
    const term = BigInt(header.raft_term);
    const isSame = header.cluster_id === this.#clusterId;
    if (isSame && term < this.#highest) return false;
    this.#clusterId = header.cluster_id;
    this.#highest = term;
    return true;
  }

  /** @throws {StaleNodeError} If the answer is not of the newest term. */
  check(header: TermHeader): void {
    if (this.isCurrent(header)) return;
    throw new StaleNodeError(
      `the node is at Raft term ${header.raft_term}, the cluster was at ` +
        this.#highest,
    );
  }

  /** Every node says less: the store was restored from a backup. */
  forget(): void {
    this.#highest = 0n;
  }
}
