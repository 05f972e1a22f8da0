import assert from "node:assert/strict";
import { Wanted } from "../fields.ts";
import { readStore } from "./all.ts";
import type { ManagedEtcdConfig } from "./managed_etcd.ts";

const MINIMAL = {
  managed: true,
  data_dir: "/var/lib/matriarch/etcd",
  connect_address: "10.0.0.11:2379",
};

function managed(section: Record<string, unknown>): ManagedEtcdConfig {
  const config = readStore({ name: "db1", etcd3: { ...MINIMAL, ...section } });
  assert.ok(!(config instanceof Wanted) && config.kind === "etcd3");
  assert.ok(config.managed !== null);
  return config.managed;
}

function wanted(section: Record<string, unknown>): readonly string[] {
  const config = readStore({ name: "db1", etcd3: section });
  assert.ok(config instanceof Wanted, "it is accepted");
  return config.misfits.map((each) =>
    `${each.path.slice(1).join(".")}: ${each.wanted}`
  );
}

Deno.test("a managed member follows from three keys", () => {
  const { name, clientUrl, clientListenUrl, peerUrl, peerListenUrl, ...rest } =
    managed({});
  assert.equal(name, "db1");
  assert.deepEqual([clientUrl, clientListenUrl], [
    "http://10.0.0.11:2379",
    "http://10.0.0.11:2379",
  ]);
  assert.deepEqual([peerUrl, peerListenUrl], [
    "http://10.0.0.11:2380",
    "http://10.0.0.11:2380",
  ]);
  assert.deepEqual([rest.heartbeatMs, rest.electionMs], [100, 500]);
  assert.equal(rest.snapshotDir, "/var/lib/matriarch/etcd/snapshots");
  assert.equal(rest.quotaBytes, 2 ** 30);
});

Deno.test("the own member is the first endpoint, and hosts are further ones", () => {
  const tls = { cacert: "/ca", server_cert: "/c", server_key: "/k" };
  const config = readStore({
    name: "db1",
    etcd3: { ...MINIMAL, ...tls, hosts: ["10.0.0.12:2379", "10.0.0.11:2379"] },
  });
  assert.ok(!(config instanceof Wanted) && config.kind === "etcd3");
  assert.deepEqual(config.endpoints, [
    "https://10.0.0.11:2379",
    "https://10.0.0.12:2379",
  ]);
  assert.deepEqual(config.managed?.serverTls, {
    cert: "/c",
    key: "/k",
    ca: "/ca",
  });
  assert.equal(config.managed?.peerTls, null);
});

Deno.test("units, names and other addresses are taken", () => {
  const one = managed({
    member: "store-1",
    listen: "*:4001",
    peer_connect_address: "[fd00::1]:7000",
    quota: "2GB",
    heartbeat_interval: "50ms",
    election_timeout: "1s",
    snapshot_interval: "10min",
  });
  assert.equal(one.name, "store-1");
  assert.equal(one.clientListenUrl, "http://0.0.0.0:4001");
  assert.equal(one.peerUrl, "http://[fd00::1]:7000");
  assert.equal(one.quotaBytes, 2 * 2 ** 30);
  assert.deepEqual([one.heartbeatMs, one.electionMs], [50, 1000]);
  assert.equal(one.snapshotEveryMs, 600_000);
});

Deno.test("what a managed member lacks is said by its key, all at once", () => {
  assert.deepEqual(wanted({ managed: true, data_dir: "etcd" }), [
    "data_dir: an absolute path, because managed is true",
    "connect_address: HOST:PORT, because managed is true",
  ]);
  assert.deepEqual(wanted({ ...MINIMAL, election_timeout: 400 }), [
    "election_timeout: at least five times heartbeat_interval",
  ]);
  assert.deepEqual(wanted({ ...MINIMAL, server_cert: "/c", peer_key: "/k" }), [
    "server_cert: a file, and another one as server_key",
    "cacert: a file, because server_cert is set",
    "peer_cert: a file, and another one as peer_key",
  ]);
  assert.deepEqual(wanted({ managed: "perhaps" }), ["managed: true or false"]);
});

Deno.test("without managed: true nothing of it counts", () => {
  const config = readStore({
    etcd3: { managed: false, hosts: ["a:1"], data_dir: "relative" },
  });
  assert.ok(!(config instanceof Wanted) && config.kind === "etcd3");
  assert.equal(config.managed, null);
  assert.deepEqual(config.endpoints, ["http://a:1"]);
});
