/** Where the programs of a managed member come from. */

/** Absolute paths of the programs. */
export interface EtcdPrograms {
  readonly etcd: string;
  /** Restores snapshots: `etcdutl`, or `etcdctl` of etcd 3.4. */
  readonly restorer: string;
}

/** Finds the programs, unpacking them if need be. */
export type FindPrograms = () => Promise<EtcdPrograms>;
