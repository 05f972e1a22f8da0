/**
 * What whoever sets a host up calls before the agent's first start, so that the
 * agent knows what its member of etcd is to be. The configuration says where
 * (`etcd3.data_dir`), the certificates' files must be there when the agent starts.
 */
import { readOrder, writeOrder } from "../adapters/etcd_member/order_file.ts";
import type { ManagedEtcdConfig } from "../config/stores/managed_etcd.ts";
import type { EtcdOrder, FoundingMember } from "../core/model/etcd_order.ts";

/** What of the configuration an order needs. */
type Member = Pick<
  ManagedEtcdConfig,
  "dataDir" | "name" | "peerUrl" | "clientUrl"
>;

/**
 * The member on this host is the first of a new cluster, or one of several that
 * found it together. Doing it again changes nothing.
 *
 * @param others The further founders; each host must be given the same ones.
 * @throws {Error} If the folder cannot be written, or has another order.
 */
export async function foundEtcdCluster(
  member: Member,
  others: readonly FoundingMember[] = [],
): Promise<void> {
  const { name, peerUrl, clientUrl } = member;
  const members = [{ name, peerUrl, clientUrl }, ...others].toSorted((
    left,
    right,
  ) => left.name < right.name ? -1 : 1);
  await order(member, { kind: "found", members });
}

/**
 * The member on this host joins the cluster that answers at these client
 * addresses: as learner, promoted by the agent when it has caught up. Doing it
 * again changes nothing.
 *
 * @param through `http[s]://HOST:PORT` of members that run; the client's
 * certificate is the configuration's (`cacert`, `cert`, `key`).
 * @throws {Error} If the folder cannot be written, or has another order.
 */
export async function joinEtcdCluster(
  member: Member,
  through: readonly string[],
): Promise<void> {
  await order(member, { kind: "join", through });
}

async function order(member: Member, wanted: EtcdOrder): Promise<void> {
  const before = await readOrder(member.dataDir);
  if (before !== null && JSON.stringify(before) !== JSON.stringify(wanted)) {
    throw new Error(
      `${member.dataDir} already has an order to ${before.kind} a cluster`,
    );
  }
  if (before === null) await writeOrder(member.dataDir, wanted);
}
