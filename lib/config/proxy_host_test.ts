import assert from "node:assert/strict";
import { ConfigError } from "./problems.ts";
import { decodeProxyHost } from "./proxy_host.ts";

Deno.test("a proxy on an application host needs scope and DCS only", () => {
  const config = decodeProxyHost({
    scope: "demo",
    namespace: "/service/",
    etcd3: { hosts: ["10.0.0.1:2379"] },
    proxy: { listen: "127.0.0.1", primary_port: 5001 },
  });
  assert.deepEqual(
    [config.scope, config.namespace, config.name, config.dataDir],
    ["demo", "service", "proxy", null],
  );
  assert.deepEqual(config.proxy.listen, ["127.0.0.1"]);
  assert.equal(config.proxy.primaryPort, 5001);
  assert.equal(config.proxy.replicaPort, 6000);
  assert.equal(config.dcs.kind, "etcd3");
});

Deno.test("a scope that no member could have is refused", () => {
  for (const scope of ["a/b", "de\nmo", " demo"]) {
    assert.throws(
      () => decodeProxyHost({ scope, sqlite: { path: "/x" } }),
      /scope: got [^]*wanted a name without/,
      scope,
    );
  }
});

Deno.test("a member's file is a proxy's file too", () => {
  const config = decodeProxyHost({
    scope: "demo",
    name: "n1",
    sqlite: { path: "/x/dcs.db" },
    postgresql: { data_dir: "/x/n1", listen: "nonsense" },
  });
  assert.deepEqual([config.name, config.dataDir], ["n1", "/x/n1"]);
  assert.equal(config.proxy.holdTimeoutMs, 10_000);
});

Deno.test("everything that is wrong with a proxy's file is said at once", () => {
  assert.throws(
    () => decodeProxyHost({ proxy: { primary_port: "many" } }),
    (error) => {
      assert.ok(error instanceof ConfigError);
      const paths = error.problems.map((problem) => problem.path).sort();
      assert.deepEqual(paths, [
        "consul or dynamodb or etcd3 or exhibitor or kubernetes or pgstore or redis or sqlite or zookeeper",
        "proxy.primary_port",
        "scope",
      ]);
      return true;
    },
  );
});

Deno.test("a proxy that is turned off cannot be started", () => {
  assert.throws(
    () =>
      decodeProxyHost({
        scope: "demo",
        sqlite: { path: "/x" },
        proxy: false,
      }),
    /proxy: got False, wanted a section with ports/,
  );
});

Deno.test("a proxy without any server of etcd is told so", () => {
  assert.throws(
    () => decodeProxyHost({ scope: "demo", etcd3: { username: "u" } }),
    /etcd3\.hosts is missing, wanted a list of HOST:PORT, or one of host,/,
  );
});

const ALONE = { scope: "demo", sqlite: { path: "/x/dcs.db" } } as const;
const ADDRESS = { address: "10.0.0.9", interface: "eth0" } as const;

Deno.test("a stand-alone proxy has the addresses of proxies, one beside a member has none", () => {
  const vip = [{ ...ADDRESS, role: "proxy" }];
  const alone = decodeProxyHost({ ...ALONE, vip });
  assert.deepEqual(alone.vipGroups.map(({ group }) => group), ["proxy"]);
  assert.equal(alone.isNamed, false);
  const member = decodeProxyHost({
    ...ALONE,
    name: "n1",
    vip: [ADDRESS],
    postgresql: { data_dir: "/x/n1" },
  });
  assert.deepEqual(member.vipGroups, []);
  assert.equal(member.isNamed, true);
});

Deno.test("an address that nobody of this file would carry is refused", () => {
  assert.throws(
    () => decodeProxyHost({ ...ALONE, vip: [ADDRESS] }),
    /vip: got [^]*primary[^]*role: proxy, because there is no PostgreSQL here/,
  );
});
