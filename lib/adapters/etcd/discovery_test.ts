import assert from "node:assert/strict";
import { discover, needsDiscovery, resolved, usableUrls } from "./discovery.ts";
import type { EtcdOptions } from "./options.ts";
import type { EtcdResolver, Service } from "./resolver.ts";

/** Knows these names only. */
function resolver(
  names: Readonly<Record<string, readonly string[] | readonly Service[]>>,
): EtcdResolver {
  return {
    addresses: (host) => {
      const found = (names[host] ?? []).filter((one) =>
        typeof one === "string"
      );
      return found.length > 0
        ? Promise.resolve(found)
        : Promise.reject(new Error("ENOTFOUND"));
    },
    services: (name) =>
      Promise.resolve(
        (names[name] ?? []).filter((one) => typeof one !== "string"),
      ),
  };
}

const SRV: EtcdOptions = { endpoints: [], srv: "db.test" };

Deno.test("discover() takes the first service that has records; -ssl is https", async () => {
  const a = [{ host: "a.test", port: 1 }];
  const b = [{ host: "b.test", port: 2 }, { host: "::1", port: 3 }];
  const found = (names: Parameters<typeof resolver>[0]) =>
    discover(SRV, resolver(names));
  assert.deepEqual(
    await found({
      "_etcd-client-ssl._tcp.db.test": b,
      "_etcd-client._tcp.db.test": a,
    }),
    ["https://b.test:2", "https://[::1]:3"],
  );
  assert.deepEqual(
    await found({ "_etcd-ssl._tcp.db.test": a, "_etcd._tcp.db.test": b }),
    ["https://a.test:1"],
  );
  assert.deepEqual(
    await found({ "_etcd._tcp.db.test": a, "a.test": ["10.0.0.1"] }),
    ["http://10.0.0.1:1"],
  );
  await assert.rejects(found({}), /no etcd service of the domain db\.test/);
});

Deno.test("resolved() gives every address of an http name, once", async () => {
  const names = { "e.test": ["10.0.0.1", "::1"], "f.test": ["10.0.0.1"] };
  const result = await resolved([
    "http://e.test:2379",
    "http://f.test:2379",
    "https://e.test:2379",
    "http://unknown.test:2379",
    "http://10.0.0.7:2379",
  ], resolver(names));
  assert.deepEqual(result, [
    "http://10.0.0.1:2379",
    "http://[::1]:2379",
    "https://e.test:2379",
    "http://unknown.test:2379",
    "http://10.0.0.7:2379",
  ]);
});

Deno.test("proxies' names and plain addresses need no lookup", async () => {
  const named: EtcdOptions = { endpoints: ["http://e.test:2379"] };
  assert.equal(needsDiscovery(named), true);
  assert.equal(needsDiscovery({ ...named, isProxied: true }), false);
  assert.equal(needsDiscovery({ endpoints: ["http://10.0.0.1:1"] }), false);
  assert.equal(needsDiscovery({ endpoints: ["http://[::1]:1"] }), false);
  assert.equal(needsDiscovery({ endpoints: ["https://e.test:1"] }), false);
  assert.equal(needsDiscovery(SRV), true);
  const names = resolver({ "e.test": ["10.0.0.1"] });
  assert.deepEqual(await discover({ ...named, isProxied: true }, names), [
    "http://e.test:2379",
  ]);
});

Deno.test("usableUrls() never steps down from https", () => {
  const urls = ["http://a:1", "https://b:2/", "unix:///run/etcd", "odd"];
  assert.deepEqual(usableUrls(urls, ["https://c:3"]), ["https://b:2"]);
  assert.deepEqual(usableUrls(urls, ["http://c:3"]), [
    "http://a:1",
    "https://b:2",
  ]);
});
