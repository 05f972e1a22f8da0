import assert from "node:assert/strict";
import { Wanted } from "../fields.ts";
import { proxyPorts } from "./proxy_ports.ts";

const WITHOUT_TLS = {
  ...{ certfile: null, keyfile: null, sni: [] },
  ...{ serverTls: "off", serverCafile: null, serverName: null },
};

Deno.test("proxyPorts reads what ends TLS, and names in small letters", () => {
  const read = proxyPorts.read([{
    ...{ port: 5443, to: "leader", name: "tls", certfile: "/c.pem" },
    sni: [
      { names: "RO.db.example, *.ro.example", to: "replica" },
      { names: ["other.example"], certfile: "/o.pem", keyfile: "/o.key" },
    ],
  }]);
  assert.ok(!(read instanceof Wanted), JSON.stringify(read));
  assert.deepEqual(read[0]?.sni, [
    {
      ...{ names: ["ro.db.example", "*.ro.example"], to: "replica" },
      ...{ certfile: null, keyfile: null },
    },
    {
      ...{ names: ["other.example"], to: null },
      ...{ certfile: "/o.pem", keyfile: "/o.key" },
    },
  ]);
});

Deno.test("proxyPorts reads entries and gives them names", () => {
  const read = proxyPorts.read([
    { port: 6001, to: "sync" },
    {
      ...{ port: "6002", to: "any", name: "reports", balance: "source" },
      ...{ zone: "east", replica_fallback: true, max_connections: 50 },
    },
  ]);
  assert.deepEqual(read, [
    {
      ...{ port: 6001, name: "sync_6001", balance: "least" },
      rule: { to: "sync", zone: null, isFallback: null },
      connectionsMax: null,
      ...WITHOUT_TLS,
    },
    {
      ...{ port: 6002, name: "reports", balance: "source" },
      rule: { to: "any", zone: "east", isFallback: true },
      connectionsMax: 50,
      ...WITHOUT_TLS,
    },
  ]);
});

Deno.test("proxyPorts refuses what it cannot do, and says where", () => {
  const cases: readonly [unknown, string, string][] = [
    [{ port: 1, to: "sync" }, "", "a list"],
    [Array.from({ length: 21 }, () => ({})), "", "at most 20"],
    [["6001"], "0", "a map"],
    [[{ port: 6001 }], "0 to", "leader"],
    [[{ to: "sync" }], "0 port", ""],
    [[{ port: 6001, to: "master" }], "0 to", "standby_leader"],
    [[{ port: 6001, to: "any", balance: "random" }], "0 balance", "source"],
    [[{ port: 6001, to: "any", name: "primary" }], "0 name", "a word"],
    [[{ port: 6001, to: "any", name: "a b" }], "0 name", "a word"],
    [
      [{ port: 6001, to: "any" }, { port: 6001, to: "sync" }],
      "",
      "each port",
    ],
    [
      [{ port: 1, to: "any", name: "x" }, { port: 2, to: "any", name: "x" }],
      "",
      "each name",
    ],
  ];
  const tls = { port: 5443, to: "leader", name: "tls", certfile: "/c.pem" };
  const wrongTls: readonly [unknown, string, string][] = [
    [[{ port: 1, to: "any", keyfile: "/k" }], "", "certfile beside keyfile"],
    [[{ port: 1, to: "any", sni: [{ names: "a" }] }], "", "certfile beside"],
    [[{ port: 1, to: "any", server_tls: "require" }], "", "certfile beside"],
    [[{ ...tls, server_tls: "on" }], "0 server_tls", "verify-full"],
    [[{ ...tls, server_tls: "verify-ca" }], "", "server_cafile with"],
    [[{ ...tls, server_cafile: "/ca" }], "", "server_cafile with"],
    [
      [{
        ...{ ...tls, server_tls: "verify-ca", server_cafile: "/ca" },
        server_name: "pg",
      }],
      "",
      "server_name with",
    ],
    [[{ ...tls, server_name: "pg" }], "", "server_name with"],
    [[{ ...tls, sni: "a" }], "0 sni", "a list"],
    [[{ ...tls, sni: [{}] }], "0 sni 0 names", ""],
    [[{ ...tls, sni: [{ names: "a b" }] }], "0 sni 0 names", "names of hosts"],
    [[{ ...tls, sni: [{ names: "a.*" }] }], "0 sni 0 names", "names of hosts"],
    [[{ ...tls, sni: [{ names: [] }] }], "0 sni 0 names", "names of hosts"],
    [[{ ...tls, sni: [{ names: "a", to: "x" }] }], "0 sni 0 to", "leader"],
    [[{ ...tls, sni: [{ names: "a", keyfile: "/k" }] }], "0 sni", "certfile"],
    [[{ ...tls, sni: [{ names: "a" }, { names: "A" }] }], "0 sni", "once"],
    [
      [
        { ...tls, sni: [{ names: "a", to: "any" }] },
        { port: 1, to: "any", name: "tls_any" },
      ],
      "",
      "each name",
    ],
  ];
  for (const [value, path, wanted] of [...cases, ...wrongTls]) {
    const read = proxyPorts.read(value);
    assert.ok(read instanceof Wanted, JSON.stringify(value));
    assert.equal(read.misfits[0]?.path.join(" "), path);
    assert.ok(read.text.includes(wanted), read.text);
  }
});
