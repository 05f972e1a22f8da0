/** Which member of etcd's list is still a place that nobody has taken. */
import type { EtcdMember } from "../../model/etcd_member.ts";

/**
 * Whether a member has never run: it was added and waits, or it is a founder that
 * starts later than the others, who know its name already.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const c = { id: "3", name: "c", peerUrl: "http://c:2380", isLearner: false };
 * assert.ok(hasNeverRun({ ...c, clientUrls: [] }));
 * assert.ok(!hasNeverRun({ ...c, clientUrls: ["http://c:2379"] }));
 * ```
 *
 * Source: etcd 3.5, `etcdserver/bootstrap.go`, isMemberBootstrapped: a member
 * publishes its client URLs when it first runs.
 */
export function hasNeverRun({ name, clientUrls }: EtcdMember): boolean {
  return name === "" || clientUrls.length === 0;
}
