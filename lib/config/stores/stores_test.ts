/** What is true of every store, so that a new one is one file. */
import assert from "node:assert/strict";
import { KNOWN_KEYS } from "../known_keys.ts";
import { readEnvironment } from "../env.ts";
import { Wanted } from "../fields.ts";
import { otherStoreText, readStore, STORES, USABLE_STORES } from "./all.ts";

Deno.test("each store is known by its section and has a name of its own", () => {
  const names = STORES.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, keys } of STORES) {
    const known = Object.keys(KNOWN_KEYS[name] ?? {});
    assert.deepEqual(
      Object.keys(keys).filter((key) => !known.includes(key)),
      [],
    );
  }
});

Deno.test("what stands behind -d URL is a section that the store takes", () => {
  for (const { name, section, url } of USABLE_STORES) {
    const given = url?.section({ host: "h", port: "", path: "/p" });
    const config = section.read(given);
    assert.ok(!(config instanceof Wanted), name);
    assert.equal(config.kind, name);
  }
});

Deno.test("no two stores are meant by one port", () => {
  const ports = STORES.flatMap(({ url }) => url?.port ?? []);
  assert.equal(new Set(ports).size, ports.length);
});

Deno.test("a store that cannot be used is refused by its name", () => {
  const usable = new Set<string>(USABLE_STORES.map(({ name }) => name));
  const unused = STORES.filter(({ name }) => !usable.has(name));
  assert.deepEqual(unused.map(({ name }) => name), [
    "etcd",
    "kubernetes",
    "raft",
  ]);
  for (const { name } of unused) {
    const result = readStore({ [name]: {} });
    assert.ok(result instanceof Wanted);
    assert.match(
      result.text,
      new RegExp(`section ${name} names a store that this program cannot`),
    );
  }
  assert.match(otherStoreText({ etcd: {} }), /use etcd3, which has the same/);
});

Deno.test("variables of stores that are not in use are no mistakes", () => {
  const { document, warnings } = readEnvironment({
    PATRONI_CONSUL_HOST: "c",
    PATRONI_RAFT_PARTNER_ADDRS: "a,b",
    PATRONI_ZOOKEEPER_USE_SSL: "on",
    PATRONI_EXHIBITOR_USE_SSL: "on",
    PATRONI_RETRIABLE_HTTP_CODES: "[503]",
  });
  assert.deepEqual(warnings, []);
  assert.deepEqual(document, {
    consul: { host: "c" },
    raft: { partner_addrs: ["a", "b"] },
    zookeeper: { use_ssl: true },
    exhibitor: { use_ssl: "on" },
    kubernetes: { retriable_http_codes: [503] },
  });
});
