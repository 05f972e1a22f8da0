/** One call to one endpoint of etcd, and what limits it. */
import type { Etcd3 } from "etcd3";
import type { TermHeader } from "./raft_terms.ts";

/** Limits of one attempt, and who looks at the header of its answer. */
export interface CallOptions {
  /** Milliseconds since the epoch, in etcd3's form. */
  readonly deadline: number;
  /** @throws {StaleNodeError} If another node has to be asked. */
  readonly witness: (header: TermHeader) => void;
}

/** One attempt at one endpoint. */
export type Attempt<T> = (etcd: Etcd3, options: CallOptions) => Promise<T>;
