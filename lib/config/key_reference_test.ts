/** Descriptors of keys, and whatever reads a configuration, agree. */
import assert from "node:assert/strict";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import { decodeSettings } from "../core/codec/settings_codec.ts";
import { DEFAULT_SETTINGS } from "../core/model/settings.ts";
import { readEnvironment } from "./env.ts";
import { FIXED_NAMES, GENERIC_SUFFIXES } from "./env_names.ts";
import { Wanted } from "./fields.ts";
import { keyReference, keyReferences } from "./key_reference.ts";
import {
  DYNAMIC_PLACES,
  FIRST_KEYS,
  LAST_KEYS,
  LOCAL_PLACES,
} from "./keys/all.ts";
import { type Key, type KeyMap, readKey } from "./keys/key.ts";
import { type KeyTree, KNOWN_KEYS, unknownKeys } from "./known_keys.ts";
import { DYNAMIC_KEYS } from "./sections/dynamic.ts";
import { USABLE_STORES } from "./stores/all.ts";

/** A map without keys that notes what it is asked for. */
function recorder(asked: Set<string>, fixed: ConfigMap = {}): ConfigMap {
  const note = (key: string | symbol): void => {
    if (typeof key === "string") asked.add(key);
  };
  return new Proxy({ ...fixed }, {
    get: (map, key) => (note(key), Reflect.get(map, key)),
    has: (map, key) => (note(key), Reflect.has(map, key)),
    getOwnPropertyDescriptor: (map, key) => (
      note(key), Reflect.getOwnPropertyDescriptor(map, key)
    ),
  });
}

/** The keys that a section's reader asks for. */
function keysReadBy(read: (value: unknown) => unknown): string[] {
  const asked = new Set<string>();
  read(recorder(asked));
  return [...asked];
}

/** Names that are for a section's reader: those without a field are only accepted. */
function namesToRead(keys: KeyMap): string[] {
  return Object.entries(keys).filter(([, key]) => key.field !== null)
    .flatMap(([name, key]) => [name, ...(key.aliases ?? [])]);
}

const SECTIONS: readonly (readonly [string, Key])[] = [
  ...Object.entries<Key>({ ...FIRST_KEYS, ...LAST_KEYS }),
  ...USABLE_STORES.map((store): [string, Key] => [
    store.name,
    { type: store.section, keys: store.keys },
  ]),
].filter(([, { keys }]) => keys !== undefined);

/** `postgresql` is read in two steps, the settings with the dynamic ones. */
const READ_LATER = new Set(
  LOCAL_PLACES.filter(({ layer }) => layer === "both" || layer === "dynamic")
    .flatMap(({ path, key }) => [
      path,
      ...(key.aliases ?? []).map((alias) => `postgresql.${alias}`),
    ]),
);

for (const [name, { type, keys = {} }] of SECTIONS) {
  Deno.test(`the reader of ${name} asks for its keys, and for no others`, () => {
    const wanted = namesToRead(keys)
      .filter((key) => !READ_LATER.has(`${name}.${key}`));
    assert.ok(wanted.length > 0);
    assert.deepEqual(keysReadBy(type.read).toSorted(), wanted.toSorted());
  });

  Deno.test(`the defaults of ${name} are those in force`, () => {
    const written = Object.fromEntries(
      Object.entries(keys).filter(([, { fallback }]) => fallback !== undefined)
        .map(([key, { fallback }]) => [key, fallback]),
    );
    const required = Object.fromEntries(
      Object.entries(keys).filter(([, { isRequired }]) => isRequired)
        .map(([key]) => [key, SAMPLES[key] ?? "127.0.0.1:1"]),
    );
    const one = SAMPLES[name];
    const base = { ...required, ...isConfigMap(one) ? one : {} };
    const silent = type.read(base);
    assert.ok(!(silent instanceof Wanted), JSON.stringify(silent));
    const spoken = type.read({ ...base, ...written });
    // What is published of tags is what is written.
    const { published: _, ...rest } = Object(spoken);
    const { published: __, ...expected } = Object(silent);
    assert.deepEqual(rest, expected);
  });
}

/** Something usable where a section cannot be empty. */
const SAMPLES: Readonly<Record<string, unknown>> = {
  authentication: { replication: { username: "r" } },
  labels: { application: "x" },
  etcd3: { host: "a" },
  etcd: { host: "a" },
  exhibitor: { hosts: ["a"], port: 8181 },
  pgstore: { hosts: "a" },
  redis: { hosts: "a" },
};

Deno.test("the dynamic document is asked for its keys, and for no others", () => {
  const asked = new Set<string>();
  const inStandby = new Set<string>();
  const standby = recorder(inStandby, { host: "h" });
  decodeSettings(recorder(asked));
  decodeSettings(recorder(asked, { standby_cluster: standby }));
  const known = namesToRead(DYNAMIC_KEYS);
  assert.deepEqual([...asked].toSorted(), known.toSorted());
  const parts = namesToRead(DYNAMIC_KEYS["standby_cluster"]?.keys ?? {});
  assert.deepEqual([...inStandby].toSorted(), parts.toSorted());
});

Deno.test("the defaults of dynamic keys are those in force", () => {
  const document = Object.fromEntries(
    DYNAMIC_PLACES.filter(({ path, key }) =>
      !path.includes(".") && key.fallback !== undefined
    ).map(({ path, key }) => [path, key.fallback]),
  );
  assert.ok(Object.keys(document).length > 15);
  assert.deepEqual(decodeSettings(document), DEFAULT_SETTINGS);
  const port = DYNAMIC_KEYS["standby_cluster"]?.keys?.["port"]?.fallback;
  const methods = DYNAMIC_KEYS["standby_cluster"]?.keys
    ?.["create_replica_methods"]?.fallback;
  const { standbyCluster } = decodeSettings({ standby_cluster: { host: "h" } });
  assert.equal(standbyCluster?.port, port);
  assert.deepEqual(standbyCluster?.createReplicaMethods, methods);
});

Deno.test("settings of PostgreSQL have the same default in core and here", () => {
  const places = LOCAL_PLACES.filter(({ path }) =>
    path.startsWith("postgresql.use_") || path.startsWith("postgresql.remove_")
  );
  const postgresql = Object.fromEntries(
    places.map(({ path, key }) => [path.split(".")[1], key.fallback]),
  );
  assert.ok(places.length > 5);
  assert.deepEqual(decodeSettings({ postgresql }), DEFAULT_SETTINGS);
});

/** A text that each kind of variable takes, and what it becomes. */
const TEXTS = {
  text: ["7", "7"],
  int: ["7", 7],
  bool: ["on", true],
  list: ["a,b", ["a", "b"]],
  map: ["a: 1", { a: 1 }],
  log_format: ["%(message)s", "%(message)s"],
} as const;

function valueAt(document: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) => isConfigMap(value) ? ownValue(value, key) : undefined,
    document,
  );
}

Deno.test("each variable reaches its key, which is known", () => {
  for (const [name, { path, kind }] of FIXED_NAMES) {
    const [text, expected] = TEXTS[kind];
    const { document, credentials } = readEnvironment({
      [`PATRONI_${name}`]: text,
    });
    const value = valueAt(document, path) ?? valueAt(credentials, path);
    assert.deepEqual(value, expected, name);
    assert.deepEqual(unknownKeys(document), [], name);
    const place = LOCAL_PLACES.find(({ path: key }) => key === path.join("."));
    const parent = LOCAL_PLACES.find(({ path: key }) =>
      key === path.slice(0, -1).join(".")
    );
    assert.ok(place !== undefined || parent?.key.names !== undefined, name);
  }
  for (const [suffix, kind] of GENERIC_SUFFIXES) {
    const [text, expected] = TEXTS[kind];
    const { document } = readEnvironment({ [`PATRONI_ETCD3_${suffix}`]: text });
    const path = ["etcd3", suffix.toLowerCase()];
    assert.deepEqual(valueAt(document, path), expected, suffix);
  }
});

Deno.test("each reference is complete and stands once", () => {
  const paths = keyReferences().map(({ path }) => path);
  assert.equal(new Set(paths).size, paths.length);
  for (const { path, meaning } of keyReferences()) {
    assert.ok(meaning.length > 5, path);
  }
});

/** Stores that we cannot use, and what is known without being read. */
const NOT_READ =
  /^(?:citus|etcd|raft)\b|^zookeeper\.exhibitor$|^bootstrap\.dcs\.|^postgresql\.(?:name|replication|superuser|pg_rewind)$|version_prefix$|^standby_cluster$/;

function leavesOf(tree: KeyTree, prefix = ""): string[] {
  return Object.entries(tree).flatMap(([key, below]) =>
    below === null ? [prefix + key] : leavesOf(below, `${prefix}${key}.`)
  );
}

Deno.test("every known key has a reference, under other names too", () => {
  const dynamic = KNOWN_KEYS["bootstrap"]?.["dcs"];
  assert.ok(isConfigMap(dynamic));
  const misplaced = /^(?:tags|log|restapi|watchdog)$/;
  const paths = [
    ...leavesOf(KNOWN_KEYS),
    ...leavesOf(dynamic).filter((path) => !misplaced.test(path)),
  ].filter((path) => !NOT_READ.test(path));
  assert.ok(paths.length > 200);
  const lost = paths.filter((path) => keyReference(path) === null);
  assert.deepEqual([...new Set(lost)], []);
});

Deno.test("a key that is missing is read as its default", () => {
  assert.deepEqual(readKey(FIRST_KEYS.namespace, null), "service");
  assert.deepEqual(readKey(LAST_KEYS.vip, undefined), []);
});
