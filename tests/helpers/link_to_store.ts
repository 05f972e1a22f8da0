/** One member's way to etcd, which a test can sever without the other members' noticing. */
import assert from "node:assert/strict";
import type { AgentCluster } from "./agent_cluster.ts";
import type { AgentMember } from "./agent_member.ts";
import { SeverableLink } from "./severable_link.ts";

/** From its next start on the member reaches etcd through this link alone. */
export function linkToStore(
  cluster: AgentCluster,
  member: AgentMember,
): SeverableLink {
  const [endpoint] = cluster.etcd?.endpoints ?? [];
  assert.ok(endpoint !== undefined, "the cluster has no etcd");
  const link = new SeverableLink(Number(new URL(endpoint).port));
  const hosts = [`127.0.0.1:${link.port}`];
  // Without `use_proxies` it would ask etcd for its real address and go there.
  const etcd3 = { hosts, use_proxies: true };
  member.config = { ...member.config, etcd3 };
  return link;
}
