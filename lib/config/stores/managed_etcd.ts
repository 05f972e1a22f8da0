/**
 * The keys of `etcd3` for a member of etcd that this host's agent runs itself
 * (`managed: true`).
 */
import type {
  EtcdMemberSettings,
  EtcdTlsFiles,
} from "../../core/model/etcd_member.ts";
import {
  formatHostPort,
  type HostPort,
  parseHostPort,
  parseListen,
} from "../addresses.ts";
import { type Misfit, Wanted } from "../fields.ts";
import type { KeyMap, SectionOf } from "../keys/key.ts";
import {
  changed,
  integer,
  orNone,
  strictTruth,
  text,
  textOrNone,
} from "../keys/types.ts";

/** The member of etcd on this host. */
export interface ManagedEtcdConfig extends EtcdMemberSettings {
  readonly snapshotEveryMs: number;
  /** Folder of the programs; null: those that come along. */
  readonly programFolder: string | null;
}

const PEER_PORT = 2380;
const MIB = 2 ** 20;

const address = orNone(changed(
  text,
  (value) => parseHostPort(value, null) ?? new Wanted("HOST:PORT"),
));

/** etcd takes addresses, not names, to listen on. */
const listen = orNone(changed(
  text,
  (value) => {
    const found = parseListen(value, null);
    const host = found?.hosts[0];
    return found === null || host === undefined || found.hosts.length > 1
      ? new Wanted("ADDRESS:PORT")
      : { host: host === "*" ? "0.0.0.0" : host, port: found.port };
  },
));

/** The keys. */
export const MANAGED_KEYS = {
  managed: {
    type: orNone(strictTruth),
    field: "isManaged",
    fallback: false,
    variable: false,
    meaning: "Ours: this host runs a member of etcd, which the agent keeps up",
  },
  data_dir: {
    type: textOrNone,
    variable: false,
    meaning: "Ours, managed: the folder of that member",
  },
  member: {
    type: textOrNone,
    otherwise: "name",
    variable: false,
    meaning: "Ours, managed: its name among etcd's members",
  },
  connect_address: {
    type: address,
    variable: false,
    meaning: "Ours, managed: where clients reach it, HOST:PORT",
  },
  listen: {
    type: listen,
    otherwise: "connect_address",
    variable: false,
    meaning: "Ours, managed: where it listens for clients",
  },
  peer_connect_address: {
    type: address,
    otherwise: "connect_address, port 2380",
    variable: false,
    meaning: "Ours, managed: where other members reach it, HOST:PORT",
  },
  peer_listen: {
    type: listen,
    otherwise: "peer_connect_address",
    variable: false,
    meaning: "Ours, managed: where it listens for other members",
  },
  heartbeat_interval: {
    type: integer({ min: 10, max: 5_000, unit: "ms" }),
    field: "heartbeatMs",
    fallback: 100,
    variable: false,
    meaning: "Ours, managed: milliseconds between heartbeats of its leader",
  },
  election_timeout: {
    type: integer({ min: 50, max: 50_000, unit: "ms" }),
    field: "electionMs",
    fallback: 500,
    variable: false,
    meaning: "Ours, managed: silence after which members elect another leader",
  },
  quota: {
    type: integer({ min: 16, max: 8_192, unit: "MB" }),
    field: "quotaMb",
    fallback: 1024,
    variable: false,
    meaning: "Ours, managed: MB of data at which etcd refuses to write",
  },
  snapshot_dir: {
    type: textOrNone,
    otherwise: "data_dir/snapshots",
    variable: false,
    meaning: "Ours, managed: where snapshots are kept",
  },
  snapshot_interval: {
    type: integer({ min: 60, max: 86_400, unit: "s" }),
    field: "snapshotEveryS",
    fallback: 3_600,
    variable: false,
    meaning: "Ours, managed: seconds between snapshots",
  },
  snapshots_kept: {
    type: integer({ min: 1, max: 1_000 }),
    fallback: 24,
    variable: false,
    meaning: "Ours, managed: how many snapshots are kept",
  },
  server_cert: {
    type: textOrNone,
    variable: false,
    meaning: "Ours, managed: its certificate for clients; asks them for theirs",
  },
  server_key: {
    type: textOrNone,
    variable: false,
    meaning: "Ours, managed: the key of that certificate",
  },
  peer_cert: {
    type: textOrNone,
    variable: false,
    meaning: "Ours, managed: its certificate for other members",
  },
  peer_key: {
    type: textOrNone,
    variable: false,
    meaning: "Ours, managed: the key of that certificate",
  },
  peer_cacert: {
    type: textOrNone,
    otherwise: "cacert",
    variable: false,
    meaning: "Ours, managed: the authority of members' certificates",
  },
  etcd_bin: {
    type: textOrNone,
    otherwise: "the one that comes along",
    variable: false,
    meaning: "Ours, managed: folder of another etcd and etcdutl",
  },
} as const satisfies KeyMap;

/** What the keys become. */
export type ManagedKeys = SectionOf<typeof MANAGED_KEYS>;

/**
 * The managed member of a section.
 *
 * @param cacert The authority of clients' and, by default, members' certificates.
 */
export function managedOf(
  keys: ManagedKeys,
  cacert: string | null,
): ManagedEtcdConfig | Wanted {
  const { dataDir, connectAddress: client } = keys;
  const misfits = managedMisfits(keys, cacert);
  if (misfits.length > 0 || dataDir === null || client === null) {
    return new Wanted(misfits);
  }
  const peer = keys.peerConnectAddress ??
    { host: client.host, port: PEER_PORT };
  const serverTls = tlsOf(keys.serverCert, keys.serverKey, cacert);
  const peerTls = tlsOf(
    keys.peerCert,
    keys.peerKey,
    keys.peerCacert ?? cacert,
  );
  return {
    name: keys.member ?? "",
    dataDir,
    clientListenUrl: urlOf(keys.listen ?? client, serverTls),
    clientUrl: urlOf(client, serverTls),
    peerListenUrl: urlOf(keys.peerListen ?? peer, peerTls),
    peerUrl: urlOf(peer, peerTls),
    heartbeatMs: keys.heartbeatMs,
    electionMs: keys.electionMs,
    quotaBytes: keys.quotaMb * MIB,
    snapshotDir: keys.snapshotDir ?? `${dataDir}/snapshots`,
    snapshotEveryMs: keys.snapshotEveryS * 1000,
    snapshotsKept: keys.snapshotsKept,
    serverTls,
    peerTls,
    programFolder: keys.etcdBin,
  };
}

function managedMisfits(
  keys: ManagedKeys,
  cacert: string | null,
): readonly Misfit[] {
  const misfit = (key: string, wanted: string): Misfit => ({
    path: [key],
    wanted,
  });
  const pairs = [
    ["server", keys.serverCert, keys.serverKey, cacert],
    ["peer", keys.peerCert, keys.peerKey, keys.peerCacert ?? cacert],
  ] as const;
  return [
    ...(keys.dataDir?.startsWith("/") ? [] : [
      misfit("data_dir", "an absolute path, because managed is true"),
    ]),
    ...(keys.connectAddress !== null ? [] : [
      misfit("connect_address", "HOST:PORT, because managed is true"),
    ]),
    // Source: etcd 3.5, `--election-timeout` must be five heartbeats at least.
    ...(keys.electionMs >= 5 * keys.heartbeatMs ? [] : [
      misfit("election_timeout", "at least five times heartbeat_interval"),
    ]),
    ...pairs.flatMap(([name, cert, key, ca]) => [
      ...((cert === null) === (key === null) ? [] : [
        misfit(`${name}_cert`, `a file, and another one as ${name}_key`),
      ]),
      ...(cert === null || ca !== null ? [] : [
        misfit("cacert", `a file, because ${name}_cert is set`),
      ]),
    ]),
  ];
}

function tlsOf(
  cert: string | null,
  key: string | null,
  ca: string | null,
): EtcdTlsFiles | null {
  return cert === null || key === null || ca === null
    ? null
    : { cert, key, ca };
}

function urlOf(address: HostPort, tls: EtcdTlsFiles | null): string {
  const scheme = tls === null ? "http" : "https";
  return `${scheme}://${formatHostPort(address)}`;
}
