/**
 * The requests that the port's operations are made of. Each function is one
 * round trip; none retries, none waits for more than its deadline.
 */
import { Buffer } from "node:buffer";
import type {
  Etcd3,
  ICompare,
  ILeaseKeepAliveResponse,
  IRequestOp,
} from "etcd3";
import type { DcsCondition, DcsEdit, DcsWrite } from "../../ports/dcs.ts";
import type { Attempt, CallOptions } from "./attempt.ts";
import type { Counter, ScopeKeys, StoredScope } from "./keys.ts";

/** What a guarded write came to, and where the store's counter was then. */
export interface TxnAnswer {
  readonly isDone: boolean;
  readonly at: Counter;
}

/** What a renewal came to. */
export interface RenewAnswer {
  readonly isAlive: boolean;
  readonly at: Counter;
}

/** Who belongs to the cluster. */
export interface MembersAnswer {
  readonly clusterId: string;
  readonly urls: readonly string[];
}

/** All keys of the scope, linearizable. */
export function readScope(keys: ScopeKeys): Attempt<StoredScope> {
  const range = { key: keys.start, range_end: keys.end };
  return async (etcd, { deadline, witness }) => {
    const { header, kvs } = await etcd.kv.range(range, { deadline });
    witness(header);
    return {
      at: BigInt(header.revision),
      entries: kvs.map((kv) => keys.entry(kv)),
    };
  };
}

/** Deletes all keys of the scope. */
export function deleteScope(keys: ScopeKeys): Attempt<void> {
  const range = { key: keys.start, range_end: keys.end };
  return async (etcd, { deadline, witness }) => {
    const { header } = await etcd.kv.deleteRange(range, { deadline });
    witness(header);
  };
}

/** A lease as granted: its decimal number, and the seconds that it lasts. */
export interface GrantAnswer {
  readonly id: string;
  readonly seconds: number;
}

/** A new lease of whole seconds. */
export function grantOnce(seconds: number): Attempt<GrantAnswer> {
  return async (etcd, { deadline, witness }) => {
    const request = { TTL: seconds };
    const answer = await etcd.leaseClient.leaseGrant(request, { deadline });
    witness(answer.header);
    return { id: answer.ID, seconds: Number(answer.TTL) };
  };
}

/** The cluster, and the client URLs of those members that can serve. */
export async function listMembers(
  etcd: Etcd3,
  { deadline }: Pick<CallOptions, "deadline">,
): Promise<MembersAnswer> {
  const { header, members } = await etcd.cluster.memberList({}, { deadline });
  return {
    clusterId: header.cluster_id,
    urls: members.filter((member) => !member.isLearner)
      .flatMap((member) => member.clientURLs),
  };
}

/** The write as one transaction. */
export function txnOf(
  keys: ScopeKeys,
  write: DcsWrite,
): Attempt<TxnAnswer> {
  const compare = write.when.map((condition) => comparison(keys, condition));
  const success = write.edits.map((edit) => operation(keys, edit));
  return async (etcd, { deadline, witness }) => {
    const request = { compare, success, failure: [] };
    const answer = await etcd.kv.txn(request, { deadline });
    witness(answer.header);
    return { isDone: answer.succeeded, at: BigInt(answer.header.revision) };
  };
}

/**
 * One keep-alive of the lease: its own short stream on the shared connection.
 *
 * etcd3's Lease class would go on renewing by itself, so that a hanging agent
 * kept its lease; that must not be.
 */
export function renewOnce(leaseId: string): Attempt<RenewAnswer> {
  return async (etcd, { deadline, witness }) => {
    const stream = await etcd.leaseClient.leaseKeepAlive({ deadline });
    const answer = await new Promise<ILeaseKeepAliveResponse>(
      (resolve, reject) => {
        stream.on("data", resolve);
        stream.on("error", reject);
        stream.on("end", () => reject(new Error("the stream has ended")));
        stream.write({ ID: leaseId });
      },
    ).finally(() => stream.end());
    witness(answer.header);
    return {
      isAlive: BigInt(answer.TTL) > 0n,
      at: BigInt(answer.header.revision),
    };
  };
}

function operation(keys: ScopeKeys, edit: DcsEdit): IRequestOp {
  const key = keys.full(edit.key);
  if (edit.kind === "delete") return { request_delete_range: { key } };
  const value = Buffer.from(edit.value);
  return { request_put: { key, value, lease: edit.session ?? 0 } };
}

function comparison(keys: ScopeKeys, condition: DcsCondition): ICompare {
  const key = keys.full(condition.key);
  switch (condition.kind) {
    case "absent":
      return { key, target: "Create", result: "Equal", create_revision: 0 };
    case "value_is":
      return {
        ...{ key, target: "Value", result: "Equal" },
        value: Buffer.from(condition.value),
      };
    case "revision_is":
      return {
        ...{ key, target: "Mod", result: "Equal" },
        mod_revision: condition.revision,
      };
  }
}
