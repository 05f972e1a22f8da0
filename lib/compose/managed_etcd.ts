/** Constructs what keeps the member of etcd on this host. */
import { EtcdAdminHttp } from "../adapters/etcd_member/admin.ts";
import { EtcdFolderLocal } from "../adapters/etcd_member/folder.ts";
import { EtcdProcessLocal } from "../adapters/etcd_member/process.ts";
import { EtcdSnapshotsLocal } from "../adapters/etcd_member/snapshots.ts";
import { ConfigError } from "../config/problems.ts";
import type { StoreConfig } from "../config/stores/all.ts";
import type { Etcd3Config } from "../config/stores/etcd3.ts";
import type { ManagedEtcdConfig } from "../config/stores/managed_etcd.ts";
import { EtcdTurnsHttp } from "../adapters/etcd_member/turns.ts";
import { EtcdSupervisor } from "../managed_etcd/supervisor.ts";
import { EtcdUpkeeper } from "../managed_etcd/upkeep.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { etcdProgram, etcdPrograms } from "./etcd_programs.ts";

/**
 * The supervision of this host's member; null: the store is somebody else's.
 *
 * @throws {ConfigError} If the member has no name.
 */
export function etcdSupervisor(
  config: StoreConfig,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): EtcdSupervisor | null {
  if (config.kind !== "etcd3" || config.managed === null) return null;
  const { managed } = config;
  if (managed.name === "") {
    throw new ConfigError(
      "etcd3.managed is true, but the member has no name: set name or " +
        "etcd3.member",
    );
  }
  const { clientUrl, quotaBytes, snapshotEveryMs } = managed;
  const { admin, folder, process, snapshots, turns } = etcdMemberParts(
    { ...config, managed },
    clock,
  );
  const upkeep = new EtcdUpkeeper({
    ...{ clientUrl, quotaBytes, snapshotEveryMs, admin, turns, snapshots, log },
  });
  const { name, peerUrl } = managed;
  const self = { name, peerUrl, clientUrl, endpoints: config.endpoints };
  return new EtcdSupervisor({
    ...{ self, admin, process, folder, clock, log, upkeep },
  });
}

/** The ports of a managed member. */
export interface EtcdMemberParts {
  readonly admin: EtcdAdminHttp;
  readonly turns: EtcdTurnsHttp;
  readonly folder: EtcdFolderLocal;
  readonly process: EtcdProcessLocal;
  readonly snapshots: EtcdSnapshotsLocal;
}

/** Constructs them. */
export function etcdMemberParts(
  { managed, cacert, cert, key }: Etcd3Config & {
    readonly managed: ManagedEtcdConfig;
  },
  clock: Clock,
): EtcdMemberParts {
  const programs = () => etcdPrograms(managed);
  return {
    admin: new EtcdAdminHttp({ cacert, cert, key }),
    turns: new EtcdTurnsHttp({ cacert, cert, key }),
    folder: new EtcdFolderLocal(managed, programs),
    process: new EtcdProcessLocal({
      options: managed,
      programs,
      currentProgram: () => etcdProgram(managed),
      clock,
    }),
    snapshots: new EtcdSnapshotsLocal(managed),
  };
}
