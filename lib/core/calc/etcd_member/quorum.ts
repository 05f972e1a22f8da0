/** Counting members of etcd: what a change leaves of the quorum. */
import type { EtcdMember, EtcdStatus } from "../../model/etcd_member.ts";

/**
 * How many of so many voters must agree.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual([1, 2, 3, 4, 5].map(quorumOf), [1, 2, 2, 3, 3]);
 * ```
 */
export function quorumOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/**
 * Whether one more voter, which is alive, leaves a quorum.
 *
 * @param alive Ids of the members that answer; the new voter is not counted by it.
 */
export function hasQuorumWithVoter(
  members: readonly EtcdMember[],
  alive: readonly string[],
): boolean {
  const voters = members.filter(({ isLearner }) => !isLearner);
  const living = voters.filter(({ id }) => alive.includes(id)).length;
  return living + 1 >= quorumOf(voters.length + 1);
}

/**
 * Whether the members that are left without `id` have a quorum.
 *
 * @param alive Ids of the members that answer.
 */
export function hasQuorumWithout(
  members: readonly EtcdMember[],
  id: string,
  alive: readonly string[],
): boolean {
  const voters = members.filter((one) => !one.isLearner && one.id !== id);
  const living = voters.filter((one) => alive.includes(one.id)).length;
  return voters.length > 0 && living >= quorumOf(voters.length);
}

/** Whether the members that answer are a quorum. */
export function hasQuorum(
  members: readonly EtcdMember[],
  alive: readonly string[],
): boolean {
  return hasQuorumWithout(members, "", alive);
}

/**
 * The member whose data go furthest, of those that answer; null: none does. What
 * a majority had acknowledged is in its data if it was among that majority.
 *
 * Source: Raft, 5.4.1: the log with the later term, then the longer one, is newer.
 */
export function newestOf(
  answers: readonly EtcdStatus[],
): EtcdStatus | null {
  const [newest = null] = answers.toSorted((left, right) =>
    right.raftTerm - left.raftTerm || right.raftIndex - left.raftIndex
  );
  return newest;
}

/** What an operator should know of the number of voters; null: nothing. */
export function votersAdvice(members: readonly EtcdMember[]): string | null {
  const voters = members.filter(({ isLearner }) => !isLearner).length;
  if (voters % 2 === 1) return null;
  return `etcd has ${voters} voting members and bears the loss of ` +
    `${voters - quorumOf(voters)} of them, no more than with ${voters - 1}: ` +
    "add or remove one";
}
