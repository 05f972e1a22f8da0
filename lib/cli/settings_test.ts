import assert from "node:assert/strict";
import {
  CONFIG_PATH,
  DEMO_KEYS,
  runIn,
  type World,
} from "./fake_context_test.ts";
import { parseDcsUrl } from "./dcs_url.ts";

const NO_DCS = "Error: Can not find suitable configuration of distributed " +
  "configuration store\nAvailable implementations: consul, dynamodb, etcd3, " +
  "exhibitor, kubernetes, pgstore, redis, sqlite, zookeeper\n";

async function listIn(world: World, ...argv: string[]): Promise<string> {
  const { out, err } = await runIn({ keys: DEMO_KEYS, ...world }, [
    ...argv,
    "list",
    "-ftsv",
  ]);
  return err === "" ? out.split("\n").at(1)?.split("\t", 1)[0] ?? "" : err;
}

Deno.test("a configuration that was named must exist", async () => {
  const message = (path: string): string =>
    `Error: Provided config file ${path} not existing or no read rights. ` +
    "Check the -c/--config-file parameter\n";
  assert.equal(await listIn({}, "-c", "/none"), message("/none"));
  const environment = { PATRONICTL_CONFIG_FILE: "/gone" };
  assert.equal(await listIn({ environment }), message("/gone"));
});

Deno.test("the default configuration may be missing", async () => {
  const environment = { PATRONICTL_CONFIG_FILE: "", HOME: "/home/x" };
  assert.equal(await listIn({ environment }), NO_DCS);
  const files = {
    "/home/x/.config/patroni/patronictl.yaml":
      "{scope: demo, etcd3: {host: h}}",
  };
  assert.equal(await listIn({ environment, files }), "demo");
});

Deno.test("our own variable names a configuration too", async () => {
  const environment = {
    PATRONICTL_CONFIG_FILE: "",
    MATRIARCH_CONFIG_FILE: CONFIG_PATH,
  };
  assert.equal(await listIn({ environment }), "demo");
});

Deno.test("the environment alone is a configuration", async () => {
  const environment = {
    PATRONICTL_CONFIG_FILE: "",
    PATRONI_SCOPE: "demo",
    PATRONI_ETCD3_HOST: "h:2379",
  };
  assert.equal(await listIn({ environment }), "demo");
  const whole = {
    ...environment,
    PATRONI_CONFIGURATION: "{scope: other, sqlite: {path: /x}}",
  };
  assert.match(await listIn({ environment: whole }), /^$/);
});

Deno.test("a directory is the sum of its YAML files, in order", async () => {
  const files = {
    "/d/10.yml": "{scope: other, etcd3: {host: h}}",
    "/d/20.yaml": "scope: demo",
    "/d/30.txt": "scope: wrong",
  };
  assert.equal(await listIn({ files }, "-c", "/d"), "demo");
});

Deno.test("-d and DCS_URL replace the DCS section", async () => {
  const files = { "/c": "{scope: demo, raft: {self_addr: a}}" };
  assert.equal(await listIn({ files }, "-c", "/c"), NO_DCS);
  assert.equal(await listIn({ files }, "-c", "/c", "-d", "etcd3://h"), "demo");
  assert.equal(await listIn({ files }, "-c", "/c", "-d", "etcd://h"), "demo");
  assert.equal(await listIn({ files }, "-c", "/c", "--dcs", "h:2379"), "demo");
  assert.equal(await listIn({ files }, "-c", "/c", "-d", "consul://h"), "demo");
  assert.equal(await listIn({ files }, "-c", "/c", "-d", "h:8500"), "demo");
  for (const url of ["zookeeper://h", "exhibitor://h", "h:2181", "h:8181"]) {
    assert.equal(await listIn({ files }, "-c", "/c", "-d", url), "demo");
  }
  for (
    const url of ["pgstore://u@h/service?sslmode=verify-full", "h:2379/?x"]
  ) {
    assert.match(
      await listIn({}, "-d", url),
      /^Error: An address takes nothing after a "\?"/,
    );
  }
  assert.equal(
    await listIn({}, "-d", "nope://h"),
    "Error: Unknown dcs scheme: nope\n",
  );
  const environment = { DCS_URL: "sqlite:///var/lib/demo.db" };
  assert.equal(await listIn({ environment }), "demo");
});

Deno.test("a broken configuration is one sentence", async () => {
  const files = { "/a": "a: [", "/b": "- 1", "/c": "{scope: demo, etcd3: {}}" };
  assert.match(
    await listIn({ files }, "-c", "/a"),
    /^Error: Cannot read \/a: /,
  );
  assert.match(
    await listIn({ files }, "-c", "/b"),
    /^Error: Cannot read \/b: it does not contain a map\n$/,
  );
  assert.match(
    await listIn({ files }, "-c", "/c"),
    /^Error: The configuration is wrong: etcd3/,
  );
});

Deno.test("-k and ctl.insecure turn verification off", async () => {
  const files = {
    "/c":
      "{scope: demo, etcd3: {host: h}, restapi: {cafile: /ca}, ctl: {certfile: /cert}}",
  };
  const run = async (...argv: string[]) =>
    (await runIn({ keys: DEMO_KEYS, files }, [
      "-c",
      "/c",
      ...argv,
      "version",
      "demo",
    ]))
      .requests[0]?.tls;
  assert.deepEqual(await run(), {
    isInsecure: false,
    cacert: "/ca",
    certfile: "/cert",
    keyfile: null,
    keyfilePassword: null,
  });
  assert.equal((await run("-k"))?.isInsecure, true);
});

Deno.test("parseDcsUrl() fills in what is missing", () => {
  assert.deepEqual(parseDcsUrl("etcd3://"), {
    kind: "etcd3",
    section: { host: "localhost:2379" },
    namespace: null,
  });
  assert.deepEqual(parseDcsUrl("h:8500/ns"), {
    kind: "consul",
    section: { host: "h:8500" },
    namespace: "/ns",
  });
  assert.deepEqual(parseDcsUrl("etcd3://[::1]:1/"), {
    kind: "etcd3",
    section: { host: "[::1]:1" },
    namespace: null,
  });
  assert.deepEqual(parseDcsUrl("sqlite:///a%20b"), {
    kind: "sqlite",
    section: { path: "/a b" },
    namespace: null,
  });
});
