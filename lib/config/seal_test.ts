import assert from "node:assert/strict";
import { ConfigError } from "./problems.ts";
import { decodeProxyHost } from "./proxy_host.ts";
import { decodeLocalConfig } from "./schema.ts";
import { loopbackOf } from "./seal.ts";
import { parseYaml11 } from "../patroni/yaml_1_1.ts";
import { isConfigMap } from "../core/calc/documents/config_merge.ts";

function documentOf(text: string) {
  const document = parseYaml11(text);
  assert.ok(isConfigMap(document));
  return document;
}

interface Given {
  readonly listen?: string;
  readonly connect?: string;
  readonly proxy?: string;
  readonly hba?: string;
  readonly bootstrap?: string;
}

function member(
  {
    listen = "127.0.0.1,10.0.0.1:5432",
    connect = "10.0.0.1:5432",
    proxy = "{sealed: true}",
    hba = "[host all all 127.0.0.1/32 scram-sha-256]",
    bootstrap = "",
  }: Given,
) {
  return documentOf(`
scope: main
name: n1
etcd3: {hosts: "10.0.0.9:2379"}
restapi: {listen: "10.0.0.1:8008", allowlist: [10.0.0.0/8]}
proxy: ${proxy}
postgresql:
  listen: ${listen}
  connect_address: ${connect}
  data_dir: /d
  pg_hba: ${hba}
  authentication:
    superuser: {username: postgres}
    replication: {username: replicator}
    rewind: {username: rewinder}
${bootstrap}`);
}

function problems(given: Given): readonly string[] {
  try {
    decodeLocalConfig(member(given));
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message.split("\n").slice(1);
  }
}

function warnings(given: Given): string {
  return decodeLocalConfig(member(given)).warnings
    .map(({ text }) => text).join("\n");
}

Deno.test("proxy.sealed is taken as it is meant, or refused", () => {
  assert.equal(decodeLocalConfig(member({})).config.proxy?.isSealed, true);
  assert.deepEqual(problems({}), []);
  assert.equal(warnings({}), "");
  const off = { proxy: "{sealed: off}", hba: "[host all all all trust]" };
  assert.deepEqual(problems(off), []);
  const misspelt = problems({ proxy: "{sealed: ture}" });
  assert.match(misspelt[0] ?? "", /proxy\.sealed: got "ture", wanted true or/);
});

Deno.test("proxy.sealed wants a loopback address of PostgreSQL", () => {
  const [text = ""] = problems({ listen: "10.0.0.1:5432" });
  assert.match(
    text,
    /postgresql\.listen: got "10\.0\.0\.1:5432", wanted 127\.0\.0\.1 among/,
  );
  for (const listen of ["'*'", "0.0.0.0", "localhost", "127.0.0.2", "'::1'"]) {
    assert.deepEqual(problems({ listen }), []);
  }
});

Deno.test("proxy.sealed wants a proxy that other hosts reach", () => {
  const [text = ""] = problems({ proxy: "{sealed: on, listen: 127.0.0.1}" });
  assert.match(
    text,
    /proxy\.listen: got "127\.0\.0\.1", wanted 10\.0\.0\.1 am/,
  );
  assert.deepEqual(problems({ connect: "n1.example.org:5432" }), []);
});

Deno.test("proxy.sealed names each line that breaks the seal", () => {
  const bootstrap = "bootstrap: {dcs: {postgresql: {pg_hba: " +
    "[host all all 127.0.0.1/32 trust]}}, pg_hba: [host all all samenet md5]}";
  const hba = "[host all all 127.0.0.1/32 md5, " +
    "host replication replicator 10.0.0.0/24 md5, " +
    "'host all postgres,rewinder 10.0.0.0/24 md5', host app app all md5]";
  const texts = problems({ bootstrap, hba });
  assert.equal(texts.length, 3, texts.join("\n"));
  assert.match(
    texts[0] ?? "",
    /postgresql\.pg_hba\.3: got "host app app all md5", wanted database replication or only users of the agents \(postgres, replicator, rewinder\) from other hosts/,
  );
  assert.match(texts[1] ?? "", /bootstrap\.pg_hba\.0: got .* wanted database/);
  assert.match(
    texts[2] ?? "",
    /bootstrap\.dcs\.postgresql\.pg_hba\.0: .*wanted a method that asks for proof/,
  );
});

Deno.test("proxy.sealed warns of doors that are shut or wide open", () => {
  const shut = warnings({ hba: "[host replication replicator all md5]" });
  assert.match(shut, /postgresql\.pg_hba lets nobody in from 127\.0\.0\.1/);
  assert.match(warnings({ hba: "null" }), /lines that initdb writes/);
});

Deno.test("the proxy process of a sealed member knows its way in", () => {
  const address = (given: Given) =>
    decodeProxyHost(member(given)).sealedAddress;
  assert.deepEqual(address({}), { host: "127.0.0.1", port: 5432 });
  const v6 = address({ listen: "'[::1],[fd00::1]:5433'" });
  assert.deepEqual(v6, { host: "::1", port: 5433 });
  assert.equal(address({ proxy: "{}" }), null);
  const alone = "scope: s\netcd3: {host: h}\nproxy: {sealed: true}";
  assert.throws(
    () => decodeProxyHost(documentOf(alone)),
    /proxy\.sealed: got True, wanted it in the members' files/,
  );
});

Deno.test("loopbackOf() prefers IPv4 and knows none in other addresses", () => {
  const of = (...hosts: string[]) => loopbackOf({ hosts, port: 5432 });
  assert.equal(of("::1", "127.0.0.3"), "127.0.0.3");
  assert.equal(of("10.0.0.1", "::"), "::1");
  assert.equal(of("10.0.0.1", "fd00::1"), null);
});
