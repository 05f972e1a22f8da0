/**
 * Key `clusters`, ours: the clusters of one stand-alone proxy. Each entry is laid
 * over the file; what an entry may say is checked here, what it means in
 * `proxy_clusters.ts`.
 */
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../../core/calc/documents/config_merge.ts";
import { type Misfit, Wanted } from "../fields.ts";
import type { ValueType } from "../keys/key.ts";
import { anything } from "../keys/types.ts";
import { STORES } from "../stores/all.ts";
import { PROXY_KEYS } from "./proxy.ts";

/** Each has ports, timers and a reader of the store. */
const CLUSTERS_MAX = 1_000;

/** Names of sections that say where a cluster's keys are. */
export const STORE_NAMES: readonly string[] = STORES.map(({ name }) => name);

const ENTRY_KEYS = ["scope", "namespace", "proxy", "vip", ...STORE_NAMES];

/** The entries, as they stand in the file. */
export const clusters: ValueType<readonly ConfigMap[]> = {
  ...anything,
  read: (value) => {
    if (!Array.isArray(value) || value.length > CLUSTERS_MAX) {
      return new Wanted(
        `a list of at most ${CLUSTERS_MAX} maps with scope and proxy`,
      );
    }
    const entries: ConfigMap[] = [];
    const misfits: Misfit[] = [];
    for (const [at, entry] of value.entries()) {
      const found = isConfigMap(entry)
        ? misfitsIn(entry)
        : [{ path: [], wanted: "a map with scope and proxy" }];
      if (isConfigMap(entry)) entries.push(entry);
      misfits.push(...found.map(({ path, wanted }) => ({
        path: [String(at), ...path],
        wanted,
      })));
    }
    return misfits.length > 0 ? new Wanted(misfits) : entries;
  },
};

/** A key that nobody would read is a mistake here: no other entry may stand for it. */
function misfitsIn(entry: ConfigMap): readonly Misfit[] {
  const top = Object.keys(entry).filter((key) => !ENTRY_KEYS.includes(key))
    .map((key) => ({
      path: [key],
      wanted:
        "only scope, namespace, proxy, vip and a store in an entry; the " +
        "rest is said once, outside of clusters",
    }));
  const proxy = ownValue(entry, "proxy");
  if (!isConfigMap(proxy)) {
    return proxy === undefined
      ? top
      : [...top, { path: ["proxy"], wanted: "a map of the section's keys" }];
  }
  const below = Object.keys(proxy).flatMap((key) => {
    const wanted = key.startsWith("stats_")
      ? "it in the section proxy of the file, because all clusters are on one page"
      : Object.hasOwn(PROXY_KEYS, key)
      ? null
      : "a key of section proxy";
    return wanted === null ? [] : [{ path: ["proxy", key], wanted }];
  });
  return [...top, ...below];
}
