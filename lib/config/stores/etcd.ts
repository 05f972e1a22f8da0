/**
 * The store `etcd`: Patroni's older way to the same servers, with the same keys.
 * It is served by etcd's version 3 interface; a cluster whose keys still lie in
 * the version 2 store is refused by the adapter, which alone can see that.
 */
import { Wanted } from "../fields.ts";
import { type Key, section } from "../keys/key.ts";
import { changed } from "../keys/types.ts";
import { checkEtcd, configOf, type Etcd3Config, ETCD_KEYS } from "./etcd3.ts";
import { hostUrl, type Store } from "./store.ts";

/** Section `etcd`. */
export type EtcdConfig = Omit<Etcd3Config, "kind"> & { readonly kind: "etcd" };

/** Documented once, with etcd3. */
const SAME_KEYS = Object.entries<Key>(ETCD_KEYS)
  .map(([name, { meaning: _, ...key }]) => [name, key] as const);

/** The store. */
export const ETCD: Store<EtcdConfig> = {
  name: "etcd",
  hint: "a section etcd3 (hosts)",
  keys: Object.fromEntries(SAME_KEYS),
  section: changed(section(ETCD_KEYS), (keys) => {
    const config = configOf(keys);
    return config instanceof Wanted ? config : { ...config, kind: "etcd" };
  }),
  check: checkEtcd,
  doubt: "Section etcd is served by etcd's version 3 interface, as etcd3 is; " +
    "rename it to etcd3",
  url: hostUrl("2379", false),
  hasProxy: true,
};
