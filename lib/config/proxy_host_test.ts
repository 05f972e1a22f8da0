import assert from "node:assert/strict";
import { ConfigError } from "./problems.ts";
import { decodeProxyHost } from "./proxy_host.ts";

const ALONE = { scope: "demo", sqlite: { path: "/x/dcs.db" } } as const;

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
  assert.equal(config.dcs?.kind, "etcd3");
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

Deno.test("a proxy's page has the certificates of ctl, as a member has them", () => {
  const restapi = { cafile: "/ca", authentication: { username: "u" } };
  const files = { certfile: "/crt", keyfile: "/key" };
  const given = { ...ALONE, restapi, ctl: files };
  const none = { certfile: null, keyfile: null, keyfilePassword: null };
  assert.deepEqual(decodeProxyHost(ALONE).ctl, { ...none, cacert: null });
  assert.deepEqual(decodeProxyHost(given).ctl, {
    ...{ cacert: "/ca", certfile: "/crt", keyfile: "/key" },
    keyfilePassword: null,
  });
  const ctl = { cacert: "/own" };
  assert.equal(decodeProxyHost({ ...given, ctl }).ctl.cacert, "/own");
});

Deno.test("a proxy on a host of its own looks after its certificates, one beside a member does not", () => {
  const alone = {
    scope: "demo",
    name: "w",
    sqlite: { path: "/x" },
    certificates: { dir: "/tls" },
    ctl: { authentication: { username: "u", password: "p" } },
  };
  assert.deepEqual(decodeProxyHost(alone).keeping, {
    dir: "/tls",
    credentials: { username: "u", password: "p" },
  });
  const { name: _name, ...nameless } = alone;
  assert.throws(
    () => decodeProxyHost(nameless),
    /name is missing, wanted the host's name/,
  );
  const member = { ...alone, postgresql: { data_dir: "/x/n1" } };
  assert.equal(decodeProxyHost(member).keeping, null);
  assert.equal(
    decodeProxyHost({ scope: "demo", sqlite: { path: "/x" } }).keeping,
    null,
  );
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

Deno.test("a proxy that agents tell needs no store", () => {
  const agents = ["https://db1:8008", "http://[2001:db8::1]:8008/"];
  const config = decodeProxyHost({ scope: "demo", proxy: { agents } });
  assert.equal(config.dcs, null);
  assert.deepEqual(config.proxy.agents, [
    "https://db1:8008",
    "http://[2001:db8::1]:8008",
  ]);
  const listed = { agents: "https://db1:8008,https://db2:8008" };
  const two = decodeProxyHost({ scope: "demo", proxy: listed });
  assert.equal(two.proxy.agents.length, 2);
});

Deno.test("agents that cannot tell a proxy are refused", () => {
  const agents = ["https://db1:8008"];
  const wrong: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ ...ALONE, proxy: { agents } }, /no agents beside section sqlite/],
    [
      {
        scope: "demo",
        proxy: { agents },
        vip: { address: "10.0.0.9", interface: "eth0", role: "proxy" },
      },
      /no agents beside section vip/,
    ],
    [
      { ...ALONE, proxy: { agents }, postgresql: { data_dir: "/x" } },
      /the proxy of a member reads its store/,
    ],
    ...["db1:8008", "ftp://db1", "https://db1:8008/x", "https://u:p@db1"].map((
      one,
    ) =>
      [
        { scope: "demo", proxy: { agents: [one] } },
        /proxy.agents: got [^]*such as https:\/\/db1:8008/,
      ] as const
    ),
  ];
  for (const [document, why] of wrong) {
    assert.throws(() => decodeProxyHost(document), why);
  }
});
