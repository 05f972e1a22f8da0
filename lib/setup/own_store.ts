/**
 * The store that comes along: each host has a member of it (ADR 18). What of its
 * section all hosts have in common, and what is a host's own.
 */
import { formatHostPort } from "../config/addresses.ts";
import {
  type ConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import { type EtcdOrder, ORDER_FILE } from "../core/model/etcd_order.ts";
import type { FileOwner, SetupFile } from "../ports/setup.ts";
import type { StoreSection, WitnessPlan } from "./blueprint.ts";
import { pathsIn, STORE_PORTS } from "./layout.ts";

/** Of a cluster that no host has a member of yet. */
export const OWN_STORE: StoreSection = {
  name: "etcd3",
  section: { managed: true },
};

/** What of a host the section is made of. */
type StoreHost = Pick<WitnessPlan, "name" | "address" | "places">;

/** Keys of the section that hold for one host only, and `hosts`, which is made anew. */
const HOSTS_OWN: ReadonlySet<string> = new Set([
  ...["data_dir", "member", "connect_address", "listen", "snapshot_dir"],
  ...["peer_connect_address", "peer_listen", "etcd_bin", "host", "hosts"],
  ...["cacert", "cert", "key", "server_cert", "server_key"],
  ...["peer_cert", "peer_key", "peer_cacert"],
]);

/** Whether the hosts run the store themselves. */
export function isOwnStore({ name, section }: StoreSection): boolean {
  return name === "etcd3" && ownValue(section, "managed") === true;
}

/**
 * The common part of a member's section: a host that joins finds the others at
 * `hosts`. Null: its members do not use the cluster's certificates, so a host that
 * joins cannot take part in it.
 *
 * @param cert Path of the member's certificate.
 */
export function commonStore(
  { name, section }: StoreSection,
  cert: string,
): StoreSection | null {
  const uses = (key: string): boolean => ownValue(section, key) === cert;
  if (!uses("server_cert") || !uses("peer_cert")) return null;
  const common = Object.entries(section)
    .filter(([key]) => !HOSTS_OWN.has(key));
  const own = ownValue(section, "connect_address");
  const hosts = [
    ...(typeof own === "string" ? [own] : []),
    ...hostsIn(section),
  ];
  return { name, section: { ...Object.fromEntries(common), hosts } };
}

/** The section of one host. */
export function storeOn(
  { name, section }: StoreSection,
  { address, places }: Pick<StoreHost, "address" | "places">,
): StoreSection {
  const { cert, trust } = pathsIn(places.configDir);
  const client = { host: address, port: STORE_PORTS.clients };
  const { managed, hosts, ...common } = section;
  return {
    name,
    section: {
      ...{ managed, data_dir: places.storeDir },
      connect_address: formatHostPort(client),
      ...(hosts === undefined ? {} : { hosts }),
      ...{ cacert: trust, cert, key: cert },
      ...{ server_cert: cert, server_key: cert },
      ...{ peer_cert: cert, peer_key: cert },
      ...common,
    },
  };
}

/** What this host's member is to become: the first one, or one more of those there are. */
export function storeOrder(
  { section }: StoreSection,
  { name, address }: StoreHost,
): EtcdOrder {
  const hosts = hostsIn(section);
  if (hosts.length > 0) {
    return { kind: "join", through: hosts.map((host) => `https://${host}`) };
  }
  const at = (port: number) =>
    `https://${formatHostPort({ host: address, port })}`;
  const peerUrl = at(STORE_PORTS.members);
  const clientUrl = at(STORE_PORTS.clients);
  return { kind: "found", members: [{ name, peerUrl, clientUrl }] };
}

/** The order's file. */
export function storeOrderFile(
  store: StoreSection,
  host: StoreHost,
  owner: FileOwner | null,
): SetupFile {
  return {
    ...{ path: `${host.places.storeDir}/${ORDER_FILE}`, mode: 0o600, owner },
    text: `${JSON.stringify(storeOrder(store, host))}\n`,
  };
}

function hostsIn(section: ConfigMap): readonly string[] {
  const hosts = ownValue(section, "hosts");
  return Array.isArray(hosts)
    ? hosts.filter((host) => typeof host === "string")
    : [];
}
