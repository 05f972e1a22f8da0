/**
 * Every key that a configuration may have, Patroni's and ours, so that a
 * misspelt one is found. Keys of DCS that we cannot use are listed too: they
 * are no mistakes.
 */
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import { LOCAL_KEYS } from "./keys/all.ts";
import type { KeyMap } from "./keys/key.ts";
import { DYNAMIC_KEYS } from "./sections/dynamic.ts";
import { UNUSED_STORES } from "./stores/unused.ts";
import type { ConfigWarning } from "./problems.ts";

/** A map's known keys; `null` below a key: anything may stand there. */
export interface KeyTree {
  readonly [key: string]: KeyTree | null;
}

/** The keys of a local configuration. */
export const KNOWN_KEYS: KeyTree = treeOf(LOCAL_KEYS);

const DYNAMIC: KeyTree = treeOf(DYNAMIC_KEYS);

/** Below these paths a map may be a method of the user's, if it is named as one or looks like one. */
const METHOD_PARENTS = ["postgresql", "bootstrap", "bootstrap.dcs.postgresql"];
/** Lists of methods, and the one that creates a cluster. */
const METHOD_LISTS = [
  "postgresql.create_replica_methods",
  "postgresql.create_replica_method",
  "standby_cluster.create_replica_methods",
];
const METHOD_KEYS = [
  "command",
  "no_leader",
  "keep_data",
  "no_params",
  "keep_existing_recovery_conf",
];
const DISTANCE_MAX = 2;
const PLACES_MAX = 3;
/** A hint to one of these would help nobody. */
const UNUSED_SECTIONS: ReadonlySet<string> = new Set(
  ["citus", ...UNUSED_STORES.map(({ name }) => name)],
);

/**
 * A warning for each key that nothing reads, with the nearest known key.
 *
 * Custom tags are anyone's to invent; one is only reported when it looks like a
 * misspelt tag.
 */
export function unknownKeys(document: ConfigMap): readonly ConfigWarning[] {
  return unknownBelow(document, KNOWN_KEYS, {
    path: "",
    methods: methodNames(document),
  });
}

/** The same for a dynamic document, as it stands in the DCS. */
export function unknownDynamicKeys(
  document: ConfigMap,
): readonly ConfigWarning[] {
  return unknownBelow(document, DYNAMIC, {
    path: "",
    methods: methodNames(document),
  });
}

/**
 * The candidate nearest to `word`, `null` when none is within two edits.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(nearest("lisen", ["listen", "name"]), "listen");
 * ```
 */
export function nearest(
  word: string,
  candidates: readonly string[],
): string | null {
  const limit = Math.min(DISTANCE_MAX, Math.floor(word.length / 3));
  const ranked = candidates
    .filter((candidate) => Math.abs(candidate.length - word.length) <= limit)
    .map((candidate) => ({
      candidate,
      distance: editDistance(word, candidate),
    }))
    .filter(({ distance }) => distance <= limit)
    .sort((left, right) => left.distance - right.distance);
  return ranked[0]?.candidate ?? null;
}

/** Where in the document a map stands, and what may have any name there. */
interface Below {
  readonly path: string;
  readonly methods: ReadonlySet<string>;
}

function unknownBelow(
  value: ConfigMap,
  tree: KeyTree,
  below: Below,
): ConfigWarning[] {
  return Object.entries(value).flatMap(([key, item]) => {
    const path = below.path === "" ? key : `${below.path}.${key}`;
    const known = Object.hasOwn(tree, key) ? tree[key] : undefined;
    if (known === undefined) {
      return METHOD_PARENTS.includes(below.path) && isMethod(key, item, below)
        ? []
        : unknownKey(path, Object.keys(tree));
    }
    return known !== null && isConfigMap(item)
      ? unknownBelow(item, known, { ...below, path })
      : [];
  });
}

/** The other layer may name it, so what looks like a method is one, too. */
function isMethod(key: string, value: unknown, { methods }: Below): boolean {
  return isConfigMap(value) &&
    (methods.has(key) ||
      METHOD_KEYS.some((special) => Object.hasOwn(value, special)));
}

/** Names of methods that the document mentions anywhere. */
function methodNames(document: ConfigMap): ReadonlySet<string> {
  const bootstrap = mapAt(document, "bootstrap");
  const lists = [document, mapAt(bootstrap, "dcs")].flatMap((root) =>
    METHOD_LISTS.map((path) => {
      const [section = "", key = ""] = path.split(".");
      return ownValue(mapAt(root, section), key);
    })
  );
  const names = [...lists.flat(), ownValue(bootstrap, "method")];
  return new Set(names.filter((name) => typeof name === "string"));
}

function mapAt(map: ConfigMap, key: string): ConfigMap {
  const value = ownValue(map, key);
  return isConfigMap(value) ? value : {};
}

function unknownKey(
  path: string,
  siblings: readonly string[],
): ConfigWarning[] {
  const split = path.lastIndexOf(".");
  const parent = path.slice(0, Math.max(split, 0));
  const key = path.slice(split + 1);
  const suggestion = nearest(key, siblings);
  if (suggestion === null && parent === "tags") return [];
  const elsewhere = suggestion === null ? placesOf(key, parent) : [];
  const hint = suggestion !== null
    ? `; did you mean "${suggestion}"?`
    : elsewhere.length > 0
    ? `; it belongs to ${elsewhere.join(" or ")}`
    : "";
  return [{ path, text: `Unknown key ${path} sets nothing${hint}` }];
}

/** Where a local configuration has a key of this name. */
function placesOf(key: string, parent: string): readonly string[] {
  const isTop = parent !== "" && Object.hasOwn(KNOWN_KEYS, key);
  if (isTop) return ["the top level of the file"];
  const sections = Object.entries({ ...KNOWN_KEYS, "bootstrap.dcs": DYNAMIC });
  return sections.flatMap(([name, tree]) =>
    tree !== null && !UNUSED_SECTIONS.has(name) && Object.hasOwn(tree, key)
      ? [name]
      : []
  ).slice(0, PLACES_MAX);
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...left].entries()) {
    const next = [i + 1];
    for (let j = 0; j < right.length; j++) {
      const swap = (row[j] ?? 0) + (letter === right[j] ? 0 : 1);
      next.push(Math.min(swap, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}

function treeOf(keys: KeyMap): KeyTree {
  return Object.fromEntries(
    Object.entries(keys).flatMap(([name, key]) => {
      const below = key.names?.map((each) => [each, null] as const);
      const tree = key.keys === undefined
        ? below === undefined ? null : Object.fromEntries(below)
        : treeOf(key.keys);
      return [name, ...(key.aliases ?? [])].map((each) => [each, tree]);
    }),
  );
}
