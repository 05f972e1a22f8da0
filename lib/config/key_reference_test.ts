import assert from "node:assert/strict";
import { isConfigMap } from "../core/calc/documents/config_merge.ts";
import { FIXED_NAMES } from "./env_names.ts";
import { keyReference, keyReferences } from "./key_reference.ts";
import { type KeyTree, KNOWN_KEYS } from "./known_keys.ts";
import { bootstrapSection } from "./sections/bootstrap.ts";
import { etcd3Section, sqliteSection } from "./sections/dcs.ts";
import { logSection } from "./sections/log.ts";
import { postgresqlSection } from "./sections/postgresql.ts";
import { proxySection } from "./sections/proxy.ts";
import { ctlSection, restApiSection } from "./sections/restapi.ts";
import { watchdogSection } from "./sections/watchdog.ts";

/** The schemas that read sections of the local file. */
const SECTIONS = {
  bootstrap: bootstrapSection,
  ctl: ctlSection,
  etcd3: etcd3Section,
  log: logSection,
  postgresql: postgresqlSection,
  proxy: proxySection,
  restapi: restApiSection,
  sqlite: sqliteSection,
  watchdog: watchdogSection,
} as const;

/** The keys that a schema asks an empty section for. */
function keysReadBy(schema: { safeParse(value: unknown): unknown }): string[] {
  const read = new Set<string>();
  const section = new Proxy({}, {
    get: (_target, key) => {
      if (typeof key === "string") read.add(key);
    },
  });
  schema.safeParse(section);
  return [...read];
}

/** Stores that we can not use, and layouts of old versions. */
const NOT_READ =
  /^(?:citus|consul|etcd|exhibitor|kubernetes|raft|zookeeper)\b|^bootstrap\.dcs\.|^postgresql\.(?:name|replication|superuser|pg_rewind)$|version_prefix$|^standby_cluster$/;

function leavesOf(tree: KeyTree, prefix = ""): string[] {
  return Object.entries(tree).flatMap(([key, below]) =>
    below === null ? [prefix + key] : leavesOf(below, `${prefix}${key}.`)
  );
}

function isRead(path: string): boolean {
  return !NOT_READ.test(path);
}

Deno.test("every key that is read has a reference", () => {
  const dynamic = KNOWN_KEYS["bootstrap"]?.["dcs"];
  assert.ok(isConfigMap(dynamic));
  const sections = /^(?:tags|log|restapi|watchdog)$/;
  const paths = [
    ...leavesOf(KNOWN_KEYS),
    ...leavesOf(dynamic).filter((path) => !sections.test(path)),
    ...[...FIXED_NAMES.values()].map(({ path }) => path.join(".")),
  ].filter(isRead);
  const missing = paths.filter((path) => keyReference(path) === null);
  assert.deepEqual([...new Set(missing)], []);
});

Deno.test("every key that a schema reads is known and has a reference", () => {
  for (const [name, schema] of Object.entries(SECTIONS)) {
    const keys = keysReadBy(schema);
    assert.ok(keys.length > 0, name);
    for (const key of keys) {
      const path = `${name}.${key}`;
      const known = Object.keys(KNOWN_KEYS[name] ?? {});
      assert.ok(known.includes(key), `${path} is reported as unknown`);
      const isSection = keyReferences().some((each) =>
        each.path.startsWith(`${path}.`)
      );
      assert.ok(
        isSection || keyReference(path) !== null,
        `${path} has no reference`,
      );
    }
  }
});

Deno.test("each reference is complete and stands once", () => {
  const paths = keyReferences().map(({ path }) => path);
  assert.equal(new Set(paths).size, paths.length);
  for (const { path, meaning } of keyReferences()) {
    assert.ok(meaning.length > 5, path);
  }
});
