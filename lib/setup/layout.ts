/** Where everything lies on a host, and which ports it has. */

/** Folders that a host keeps its things in. */
export interface SetupPlaces {
  /** `/etc/matriarch`. */
  readonly configDir: string;
  /** Null: no unit is written. */
  readonly unitPath: string | null;
  readonly dataDir: string;
  /** Of this host's member of the store, if the hosts run it themselves. */
  readonly storeDir: string;
  /** Where PostgreSQL's socket is. */
  readonly socketDir: string;
}

/** The ports of each host. */
export const SETUP_PORTS = {
  postgres: 5432,
  rest: 8008,
  primary: 5000,
  replica: 6000,
  stats: 7000,
} as const;

/** The ports of a member of the store, if the hosts run it themselves. */
export const STORE_PORTS = { clients: 2379, members: 2380 } as const;

/** Whether only a member of the store uses the port. */
export function isStorePort(port: number): boolean {
  return port === STORE_PORTS.clients || port === STORE_PORTS.members;
}

/** What stands where if nobody says otherwise. */
export const USUAL_PLACES: SetupPlaces = {
  configDir: "/etc/matriarch",
  unitPath: "/etc/systemd/system/matriarch.service",
  dataDir: "/var/lib/matriarch/data",
  storeDir: "/var/lib/matriarch/etcd",
  socketDir: "/var/run/postgresql",
};

/** The unit's name, for the service manager. */
export const UNIT = "matriarch.service";

/** Paths of the files in the folder of the configuration. */
export interface SetupPaths {
  readonly config: string;
  /** The authorities that are trusted. */
  readonly trust: string;
  /** The authority's key; only on one host. */
  readonly authorityKey: string;
  /** The authority that signs; only beside its key. */
  readonly authority: string;
  /** The authority that is to sign next, and its key; only during a rotation. */
  readonly nextAuthority: string;
  readonly nextAuthorityKey: string;
  /** The host's certificate, the authority and the host's key: one file, so that a renewal replaces all or nothing. */
  readonly cert: string;
  /** What is about to be written, until it has been. */
  readonly draft: string;
}

/** @param configDir Without a slash at its end. */
export function pathsIn(configDir: string): SetupPaths {
  return {
    config: `${configDir}/matriarch.yml`,
    ...certificatePathsIn(`${configDir}/tls`),
    draft: `${configDir}/setup.draft`,
  };
}

/** Files in the folder of the certificates. */
export function certificatePathsIn(
  dir: string,
): Omit<SetupPaths, "config" | "draft"> {
  return {
    trust: `${dir}/ca.pem`,
    authority: `${dir}/authority.pem`,
    authorityKey: `${dir}/authority.key`,
    nextAuthority: `${dir}/authority.next.pem`,
    nextAuthorityKey: `${dir}/authority.next.key`,
    cert: `${dir}/host.pem`,
  };
}

/** What the file of a host's certificate holds. */
export function certificateFile(
  parts: {
    readonly key: string;
    readonly cert: string;
    readonly authority: string;
  },
): string {
  // Readers of certificates want one at the beginning.
  return `${parts.cert}${parts.authority}${parts.key}`;
}

/** The folder above a path. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}
