import assert from "node:assert/strict";
import { isConfigMap } from "../core/calc/config_merge.ts";
import { FIXED_NAMES } from "./env_names.ts";
import { keyReference, keyReferences } from "./key_reference.ts";
import { type KeyTree, KNOWN_KEYS } from "./known_keys.ts";

/** Stores that we can not use, and layouts of old versions. */
const NOT_READ =
  /^(?:citus|consul|etcd|exhibitor|kubernetes|raft|zookeeper)\b|^bootstrap\.(?:dcs\.|users)|^postgresql\.(?:name|replication|superuser|pg_rewind)$|version_prefix$|^standby_cluster$/;

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

Deno.test("each reference is complete and stands once", () => {
  const paths = keyReferences().map(({ path }) => path);
  assert.equal(new Set(paths).size, paths.length);
  for (const { path, meaning } of keyReferences()) {
    assert.ok(meaning.length > 5, path);
  }
});
