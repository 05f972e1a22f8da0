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
import { type Revision, revision } from "../../core/base/units.ts";
import type {
  DcsCondition,
  DcsGuard,
  DcsSnapshot,
  DcsWrite,
} from "../../ports/dcs.ts";
import type { Attempt, CallOptions } from "./attempt.ts";
import type { ScopeKeys } from "./keys.ts";

/** What a guarded write came to, and the revision of the store then. */
export interface TxnAnswer {
  readonly isDone: boolean;
  readonly revision: Revision;
}

/** What a renewal came to. */
export interface RenewAnswer {
  readonly isAlive: boolean;
  readonly revision: Revision;
}

/** Who belongs to the cluster. */
export interface MembersAnswer {
  readonly clusterId: string;
  readonly urls: readonly string[];
}

/** All keys of the scope, linearizable. */
export function readScope(keys: ScopeKeys): Attempt<DcsSnapshot> {
  const range = { key: keys.start, range_end: keys.end };
  return async (etcd, { deadline, witness }) => {
    const { header, kvs } = await etcd.kv.range(range, { deadline });
    witness(header);
    return {
      revision: revision(BigInt(header.revision)),
      entries: kvs.map((kv) => keys.entry(kv)),
    };
  };
}

/** Deletes all keys of the scope; the answer's revision. */
export function deleteScope(keys: ScopeKeys): Attempt<Revision> {
  const range = { key: keys.start, range_end: keys.end };
  return async (etcd, { deadline, witness }) => {
    const { header } = await etcd.kv.deleteRange(range, { deadline });
    witness(header);
    return revision(BigInt(header.revision));
  };
}

/** A new lease of whole seconds. */
export function grantOnce(seconds: number): Attempt<string> {
  return async (etcd, { deadline, witness }) => {
    const request = { TTL: seconds };
    const answer = await etcd.leaseClient.leaseGrant(request, { deadline });
    witness(answer.header);
    return answer.ID;
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
  const key = keys.full(write.key);
  const operation: IRequestOp = write.kind === "put"
    ? {
      request_put: {
        key,
        value: Buffer.from(write.value),
        lease: write.leaseId ?? 0,
      },
    }
    : { request_delete_range: { key } };
  const also = write.onlyWhile === undefined
    ? []
    : [isAt(keys.full(write.onlyWhile.key), write.onlyWhile)];
  const compare = [...comparisons(key, write.guard), ...also];
  return async (etcd, { deadline, witness }) => {
    const request = { compare, success: [operation], failure: [] };
    const answer = await etcd.kv.txn(request, { deadline });
    witness(answer.header);
    return {
      isDone: answer.succeeded,
      revision: revision(BigInt(answer.header.revision)),
    };
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
      revision: revision(BigInt(answer.header.revision)),
    };
  };
}

/** What the guard asks of the key. */
function comparisons(key: Buffer, guard: DcsGuard): ICompare[] {
  switch (guard.kind) {
    case "none":
      return [];
    case "absent":
      return [isAbsent(key)];
    case "value_is":
      return [valueIs(key, guard.value)];
    case "revision_is":
      return [isAt(key, guard)];
  }
}

function isAt(
  key: Buffer,
  { revision }: Pick<DcsCondition, "revision">,
): ICompare {
  const expected = String(revision);
  return { key, target: "Mod", result: "Equal", mod_revision: expected };
}

function isAbsent(key: Buffer): ICompare {
  return { key, target: "Create", result: "Equal", create_revision: 0 };
}

function valueIs(key: Buffer, value: string): ICompare {
  const expected = Buffer.from(value);
  return { key, target: "Value", result: "Equal", value: expected };
}
