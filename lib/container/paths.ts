/** Where things lie in a container's volume, and its ports. */

/** Where containers of a cluster ask each other what their volumes hold. */
export const GREETING_PORT = 2381;

const STORE_CLIENTS = 2379;
const STORE_MEMBERS = 2380;

/** Paths below the volume. */
export interface VolumePaths {
  readonly config: string;
  readonly data: string;
  readonly store: string;
  /** Its certificate, the authority and its key, in one file. */
  readonly cert: string;
  readonly trust: string;
  readonly pgpass: string;
  /** Locked by the container that uses the volume. */
  readonly lock: string;
}

/** @param volume Without a slash at its end. */
export function pathsInVolume(volume: string): VolumePaths {
  return {
    config: `${volume}/matriarch.yml`,
    data: `${volume}/data`,
    store: `${volume}/etcd`,
    cert: `${volume}/tls/host.pem`,
    trust: `${volume}/tls/ca.pem`,
    pgpass: `${volume}/pgpass`,
    lock: `${volume}/container.lock`,
  };
}

/** Where clients of its member of etcd reach the container. */
export function storeClientUrl(name: string): string {
  return `https://${name}:${STORE_CLIENTS}`;
}

/** Where other members of etcd reach it. */
export function storePeerUrl(name: string): string {
  return `https://${name}:${STORE_MEMBERS}`;
}
