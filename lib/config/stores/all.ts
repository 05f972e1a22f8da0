/** All stores, and the one that a configuration names. */
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../../core/calc/documents/config_merge.ts";
import { isAbsent, type Misfit, Wanted } from "../fields.ts";
import { CONSUL, type ConsulConfig } from "./consul.ts";
import { DYNAMODB, type DynamodbConfig } from "./dynamodb.ts";
import { ETCD, type EtcdConfig } from "./etcd.ts";
import { ETCD3, type Etcd3Config } from "./etcd3.ts";
import { KUBERNETES, type KubernetesConfig } from "./kubernetes.ts";
import { PGSTORE, type PgstoreConfig } from "./pgstore.ts";
import { REDIS, type RedisConfig } from "./redis.ts";
import { SQLITE, type SqliteConfig } from "./sqlite.ts";
import type { KnownStore, Store } from "./store.ts";
import { UNUSED_STORES } from "./unused.ts";
import {
  EXHIBITOR,
  type ExhibitorConfig,
  ZOOKEEPER,
  type ZookeeperConfig,
} from "./zookeeper.ts";

/** The one store in use. */
export type StoreConfig =
  | ConsulConfig
  | DynamodbConfig
  | Etcd3Config
  | EtcdConfig
  | ExhibitorConfig
  | KubernetesConfig
  | PgstoreConfig
  | RedisConfig
  | SqliteConfig
  | ZookeeperConfig;

/** The stores that this program can use, in order of preference. */
export const USABLE_STORES: readonly Store<StoreConfig>[] = [
  CONSUL,
  DYNAMODB,
  ETCD3,
  ETCD,
  EXHIBITOR,
  KUBERNETES,
  PGSTORE,
  REDIS,
  SQLITE,
  ZOOKEEPER,
];

/** Those of them that whoever has none may choose from. */
const WANTED_STORES = USABLE_STORES.filter(({ doubt }) => doubt === undefined);

/** Every store that Patroni knows, and ours, by name. */
export const STORES: readonly KnownStore[] = [
  ...UNUSED_STORES,
  ...USABLE_STORES,
].toSorted((left, right) => left.name < right.name ? -1 : 1);

/** The store whose section a document has; null: none that can be used. */
export function usableStore(document: ConfigMap): Store<StoreConfig> | null {
  return USABLE_STORES.find(({ name }) =>
    !isAbsent(ownValue(document, name))
  ) ??
    null;
}

/** The store of a document, or what is wrong, with paths in the document. */
export function readStore(document: ConfigMap): StoreConfig | Wanted {
  const store = usableStore(document);
  if (store === null) return new Wanted([missing(document)]);
  const config = store.section.read(ownValue(document, store.name));
  if (!(config instanceof Wanted)) {
    return store.inDocument?.(config, document) ?? config;
  }
  return new Wanted(config.misfits.map(({ path, wanted }) => ({
    path: [store.name, ...path],
    wanted,
  })));
}

/** `; section etcd ...` about a store that is configured and that nobody can use; else empty. */
export function otherStoreText(document: ConfigMap): string {
  const other = UNUSED_STORES.find(({ name }) => Object.hasOwn(document, name));
  if (other === undefined) return "";
  return `; section ${other.name} names a store that this program cannot use`;
}

/** What whoever looks at a cluster in that store should know; null: nothing. */
export function storeCaution(config: StoreConfig): string | null {
  const store = USABLE_STORES.find(({ name }) => name === config.kind);
  return store?.caution?.(config) ?? null;
}

/** Names of the stores that should be used, with `separator` between them. */
export function usableNames(separator: string): string {
  return WANTED_STORES.map(({ name }) => name).join(separator);
}

/** `; section etcd ...` about a store that stands where nobody looks for it; else empty. */
function misplacedText(document: ConfigMap): string {
  const bootstrap = ownValue(document, "bootstrap");
  const dynamic = isConfigMap(bootstrap) ? ownValue(bootstrap, "dcs") : null;
  const lost = STORES.find(({ name }) =>
    isConfigMap(dynamic) && Object.hasOwn(dynamic, name)
  );
  if (lost === undefined) return "";
  return `; section ${lost.name} stands below bootstrap.dcs, and belongs to ` +
    "the top level of the file";
}

function missing(document: ConfigMap): Misfit {
  const hints = WANTED_STORES.map(({ hint }) => hint).join(" or ");
  return {
    path: [usableNames(" or ")],
    wanted: `${hints}. Can not find suitable configuration of distributed ` +
      `configuration store. Available implementations: ${usableNames(", ")}` +
      otherStoreText(document) + misplacedText(document),
  };
}
