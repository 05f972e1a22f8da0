/**
 * Every way in which a configuration may name etcd, from the text of the section
 * to a key in a real etcd of three nodes: plain, with users, and with client
 * certificates. (SRV records need a name server: dcs_etcd_endpoints_test.ts.)
 */
import assert from "node:assert/strict";
import { openDcsTarget } from "../../lib/compose/dcs.ts";
import { MINIMAL_YAML } from "../../lib/config/fixtures/examples.ts";
import { decodeLocalConfig } from "../../lib/config/schema.ts";
import type { StoreConfig } from "../../lib/config/stores/all.ts";
import { parseYaml11 } from "../../lib/patroni/yaml_1_1.ts";
import { isConfigMap } from "../../lib/core/calc/documents/config_merge.ts";
import type { Dcs } from "../../lib/ports/dcs.ts";
import { DcsRefusedError } from "../../lib/ports/errors.ts";
import { EtcdServers, etcdSkipReason } from "../helpers/etcd.ts";
import { skipReason as programSkipReason } from "../helpers/skip_reason.ts";
import { certificate, enableAuth } from "./dcs_etcd_access.ts";
import { contents, put, SHORT_LIMITS } from "./dcs_fixture.ts";

const skipReason = etcdSkipReason() ??
  programSkipReason("etcdctl", "etcd-client");
const suffix = skipReason === null ? "" : ` (skipped: ${skipReason})`;
const ignore = skipReason !== null;
/** gRPC closes its sockets a little after its clients. */
const LINGERING = { sanitizeOps: false, sanitizeResources: false };

/** The store that a section with these lines names. */
function storeOf(
  lines: readonly string[],
  section: "etcd" | "etcd3" = "etcd3",
): StoreConfig {
  const yaml = MINIMAL_YAML.replace(
    /^etcd3:\n(?: .*\n)*/m,
    `${section}:\n${lines.map((line) => `  ${line}\n`).join("")}`,
  );
  const document = parseYaml11(yaml);
  assert.ok(isConfigMap(document));
  return decodeLocalConfig(document).config.dcs;
}

/** Writes and reads one key through a section. */
async function tryOut(lines: readonly string[]): Promise<void> {
  const dcs = await openDcsTarget({
    config: storeOf(lines),
    namespace: "service",
    scope: "etcd",
    group: null,
  });
  try {
    const value = `by ${lines[0]}`;
    await put(dcs, "config", value);
    assert.deepEqual(await contents(dcs), { config: value }, lines.join());
  } finally {
    await dcs.close();
  }
}

/** The store of a section `etcd`. */
function openOlder(lines: readonly string[], scope: string): Promise<Dcs> {
  const config = storeOf(lines, "etcd");
  return openDcsTarget({ config, namespace: "service", scope, group: null });
}

/** `host:port` of each node. */
function hostsOf({ endpoints }: EtcdServers): readonly string[] {
  return endpoints.map((endpoint) => new URL(endpoint).host);
}

Deno.test({
  name: `etcd: each form of the section leads to it${suffix}`,
  ignore,
  ...LINGERING,
  fn: async () => {
    await using servers = await EtcdServers.start({ nodes: 3 });
    const hosts = hostsOf(servers);
    const [first = ""] = hosts;
    const port = first.split(":")[1];
    const forms = [
      [`host: ${first}`],
      [`host: localhost`, `port: ${port}`],
      [`hosts: [${hosts.join(", ")}]`],
      [`hosts: ${hosts.join(",")}`],
      [`hosts:`, ...hosts.map((host) => `- ${host}`)],
      [`url: http://${first}`],
      [`url: http://localhost:${port}/`],
      [`proxy: http://${first}`, "hosts: 127.0.0.1:1"],
      [`hosts: ${first}`, "use_proxies: true"],
      [`hosts: ${first}`, "protocol: http", "cacert: /nowhere"],
    ];
    for (const form of forms) await tryOut(form);
    // Of three nodes two are enough, in whatever order they are named.
    await servers.nodes[0]?.kill();
    await tryOut([`hosts: [${hosts.join(", ")}]`]);
    await tryOut([`hosts: ${hosts.toReversed().join(",")}`]);
  },
});

Deno.test({
  name: `etcd: section etcd leads to the same keys${suffix}`,
  ignore,
  ...LINGERING,
  fn: async () => {
    await using servers = await EtcdServers.start();
    const dcs = await openOlder([`hosts: ${hostsOf(servers)}`], "etcd");
    await put(dcs, "config", "first of all a write");
    await tryOut([`hosts: ${hostsOf(servers)}`]);
    assert.match((await contents(dcs))["config"] ?? "", /^by hosts/);
    await dcs.close();
  },
});

Deno.test({
  name: `etcd: a scope in the version 2 store is refused${suffix}`,
  ignore,
  ...LINGERING,
  fn: async () => {
    await using servers = await EtcdServers.start({ hasV2: true });
    const [endpoint = ""] = servers.endpoints;
    const lines = [`hosts: ${hostsOf(servers)}`];
    const response = await fetch(`${endpoint}/v2/keys/service/old/leader`, {
      method: "PUT",
      body: new URLSearchParams({ value: "n1" }),
    });
    assert.equal(response.status, 201, await response.text());
    const refused = {
      name: "DcsRefusedError",
      message: /version 2 store has keys at \/service\/old: a cluster runs/,
    };
    const old = await openOlder(lines, "old");
    await assert.rejects(contents(old), refused);
    await assert.rejects(put(old, "leader", "n2"), refused);
    await old.close();
    const plain = await openDcsTarget({
      config: storeOf(lines),
      ...{ namespace: "service", scope: "old", group: null },
    });
    assert.deepEqual(await contents(plain), {}, "nothing was written");
    await plain.close();
    const other = await openOlder(lines, "other");
    await put(other, "leader", "n2");
    assert.deepEqual(await contents(other), { leader: "n2" });
    await other.close();
  },
});

Deno.test({
  name: `etcd: users of the section and of its URL log in${suffix}`,
  ignore,
  ...LINGERING,
  fn: async () => {
    await using servers = await EtcdServers.start({ nodes: 3 });
    await enableAuth(servers.endpoints, "/service/etcd");
    const hosts = hostsOf(servers);
    await tryOut([`hosts: ${hosts}`, "username: agent", "password: pass"]);
    await tryOut([`url: http://agent:p%61ss@${hosts[0]}`]);
    await tryOut([`proxy: http://agent:pass@${hosts[1]}`]);
    const wrong = [`hosts: ${hosts}`, "username: agent", "password: wr0ng-0ne"];
    await assert.rejects(tryOut(wrong), (error) => {
      assert.ok(error instanceof DcsRefusedError);
      assert.doesNotMatch(Deno.inspect(error), /wr0ng-0ne/);
      return true;
    });
    const inUrl = [`url: http://agent:wr0ng-0ne@${hosts[0]}`];
    await assert.rejects(tryOut(inUrl), (error) => {
      assert.doesNotMatch(Deno.inspect(error), /wr0ng-0ne/);
      return true;
    });
  },
});

Deno.test({
  name: `etcd: certificates of the section open it${suffix}`,
  ignore,
  ...LINGERING,
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-tls-" });
    try {
      const ca = await certificate(folder, "ca", null);
      const server = await certificate(folder, "server", ca);
      const client = await certificate(folder, "client", ca);
      await using servers = await EtcdServers.start({
        nodes: 3,
        tls: { ...server, clientCa: ca.cert },
      });
      const hosts = hostsOf(servers);
      const both = `${folder}/both.pem`;
      const texts = [client.cert, client.key].map((path) =>
        Deno.readTextFileSync(path)
      );
      await Deno.writeTextFile(both, texts.join(""));
      const pair = [`cert: ${client.cert}`, `key: ${client.key}`];
      const trust = `cacert: ${ca.cert}`;
      await tryOut([`hosts: ${hosts}`, "protocol: https", trust, ...pair]);
      await tryOut([`url: https://${hosts[2]}`, trust, ...pair]);
      await tryOut([`url: https://${hosts[1]}`, trust, `cert: ${both}`]);
      const refused = await openDcsTarget({
        config: storeOf([`url: https://${hosts[0]}`, trust]),
        namespace: "service",
        scope: "etcd",
        group: null,
      });
      await assert.rejects(refused.readFresh(SHORT_LIMITS));
      await refused.close();
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
