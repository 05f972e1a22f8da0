/** What is true of every store, so that a new one is one file. */
import assert from "node:assert/strict";
import { KNOWN_KEYS } from "../known_keys.ts";
import { readEnvironment } from "../env.ts";
import { Wanted } from "../fields.ts";
import { readStore, STORES, USABLE_STORES } from "./all.ts";

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
    if (url === null) continue;
    const given = url.section({ host: "h", port: "", path: "/p" });
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
});

Deno.test("section etcd means etcd3's interface, and etcd3 beats it", () => {
  const hosts = ["e1:2379"];
  const config = readStore({ etcd: { hosts } });
  assert.ok(!(config instanceof Wanted));
  assert.equal(config.kind, "etcd");
  const both = readStore({ etcd: { hosts }, etcd3: { hosts: ["e3:2379"] } });
  assert.ok(!(both instanceof Wanted) && both.kind === "etcd3");
  assert.deepEqual(both.endpoints, ["http://e3:2379"]);
});

Deno.test("a store below bootstrap.dcs is told where it belongs", () => {
  const lost = readStore({ bootstrap: { dcs: { etcd: { host: "e1" } } } });
  assert.ok(lost instanceof Wanted);
  assert.match(
    lost.text,
    /section etcd stands below bootstrap\.dcs, and belongs to the top level/,
  );
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
