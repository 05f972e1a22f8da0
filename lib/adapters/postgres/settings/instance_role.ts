/**
 * The role that an instance's settings are for, where nobody has said it yet: by
 * what an earlier agent left in the files, or by where a standby is to stream from.
 */
import type { InstanceRole } from "../../../core/model/member.ts";
import type { StandbyCluster } from "../../../core/model/standby_cluster.ts";
import type { PostgresPeer } from "../../../ports/postgres.ts";
import { parseConninfo } from "../session/conninfo.ts";

/** The role of a standby that streams from `upstream`; null: from nobody. */
export function standbyRoleOf(
  upstream: PostgresPeer | null,
  cluster: StandbyCluster | null,
): InstanceRole {
  if (upstream !== null) {
    return upstream.remote === undefined ? "replica" : "standby_leader";
  }
  // A leader that only has an archive to restore from.
  return cluster !== null && cluster.host === null
    ? "standby_leader"
    : "replica";
}

/**
 * The role that the files are for.
 *
 * @param recovery Recovery settings in them; null: not a standby's.
 */
export function roleInFiles(
  recovery: Readonly<Record<string, string>> | null,
  cluster: StandbyCluster | null,
): InstanceRole {
  if (recovery === null) return "primary";
  const conninfo = recovery["primary_conninfo"] ?? "";
  if (conninfo === "") return standbyRoleOf(null, cluster);
  const { host = "", port } = parseConninfo(conninfo);
  const isRemote = cluster !== null && host === cluster.host &&
    (host.includes(",") || port === String(cluster.port));
  return isRemote ? "standby_leader" : "replica";
}
