import assert from "node:assert/strict";
import { certificateMaker } from "../../tests/helpers/certificates.ts";
import { MINIMAL_YAML } from "../config/fixtures/examples.ts";
import { decodeLocalConfig } from "../config/schema.ts";
import {
  type ConfigMap,
  mergePatch,
} from "../core/calc/documents/config_merge.ts";
import { parseYaml11 } from "../patroni/yaml_1_1.ts";
import {
  CertificateEnds,
  type CertificateSetting,
  certificateSettings,
} from "./certificate_ends.ts";

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 10, 29);
const made = certificateMaker();

/** An own certificate that ends after so many days. */
async function ends(days: number): Promise<string> {
  const validity = { nowMs: NOW_MS, lifetimeMs: days * DAY_MS };
  return (await made.makeAuthority(`a${days}`, validity)).cert;
}

function inSeconds(days: number): number {
  return (NOW_MS + days * DAY_MS) / 1000;
}

/** What is told of these files. */
class Bench {
  readonly texts = new Map<string, string | Error>();
  readonly settings: CertificateSetting[] = [];
  reads = 0;
  readonly watch = new CertificateEnds({
    settings: () => this.settings,
    files: {
      read: (path) => {
        const text = this.texts.get(path) ?? null;
        return text instanceof Error
          ? Promise.reject(text)
          : Promise.resolve(text);
      },
    },
    certificates: {
      read: (text) => {
        this.reads++;
        return made.read(text);
      },
    },
    clock: { sleep: () => Promise.resolve() },
  });

  has(setting: string, text: string | Error | null): void {
    const kind = setting.includes("ca") ? "authorities" : "own";
    this.settings.push({ setting, path: `/${setting}`, kind });
    if (text !== null) this.texts.set(`/${setting}`, text);
  }

  async told(): Promise<Readonly<Record<string, number>>> {
    await this.watch.look();
    return Object.fromEntries(
      this.watch.samples().map(({ labels, value }) => [
        labels["setting"],
        value,
      ]),
    );
  }
}

Deno.test("of an own certificate the first counts, of authorities the last to end", async () => {
  const bench = new Bench();
  const key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
  const both = key + await ends(30) + await ends(90);
  bench.has("own", both);
  bench.has("ca", both);
  assert.deepEqual(await bench.told(), {
    own: inSeconds(30),
    ca: inSeconds(90),
  });
});

Deno.test("what cannot be read as a certificate is told as 0", async () => {
  const bench = new Bench();
  const good = await ends(30);
  bench.has("gone", null);
  bench.has("denied", new Deno.errors.PermissionDenied("no"));
  bench.has("rubbish", "\0".repeat(5_000));
  bench.has("cut", good.slice(0, good.length / 2));
  bench.has("hollow", good.replaceAll("M", "?"));
  bench.has("huge", " ".repeat(1_000_000) + good);
  for (const [setting, seconds] of Object.entries(await bench.told())) {
    assert.equal(seconds, 0, setting);
  }
  assert.equal(bench.settings.length, bench.watch.samples().length);
});

Deno.test("a file is taken apart again only when it has changed", async () => {
  const bench = new Bench();
  bench.has("own", await ends(30));
  await bench.told();
  await bench.told();
  assert.equal(bench.reads, 1);
  bench.texts.set("/own", await ends(60));
  assert.deepEqual(await bench.told(), { own: inSeconds(60) });
});

Deno.test("a setting that a reload took away is not told any more", async () => {
  const bench = new Bench();
  bench.has("own", await ends(30));
  await bench.told();
  bench.settings.length = 0;
  assert.deepEqual(await bench.told(), {});
});

/** What the minimal example with `patch` (YAML) over it names. */
function named(patch: string): readonly string[] {
  const read = (text: string): ConfigMap => Object(parseYaml11(text));
  const document = mergePatch(read(MINIMAL_YAML), read(patch)).value;
  return certificateSettings(decodeLocalConfig(document).config)
    .map(({ setting, path, kind }) => `${setting} ${path} ${kind}`).toSorted();
}

Deno.test("each setting that names a certificate is watched, whatever the store", () => {
  assert.deepEqual(named("{}"), []);
  assert.deepEqual(
    named(`
restapi: {certfile: /r, keyfile: /k, cafile: /ra}
ctl: {certfile: /c, keyfile: /k, cacert: /ca}
etcd3: {protocol: https, cert: /e, key: /k, cacert: /ea}
proxy:
  stats_certfile: /s
  stats_keyfile: /k
  ports:
    - {port: 1, to: any}
    - {port: 2, to: any, certfile: /t, sni: [{names: a}, {names: b, certfile: /b}]}
`),
    [
      "ctl.cacert /ca authorities",
      "ctl.certfile /c own",
      "etcd3.cacert /ea authorities",
      "etcd3.cert /e own",
      "proxy.ports[1].certfile /t own",
      "proxy.ports[1].sni[1].certfile /b own",
      "proxy.stats_certfile /s own",
      "restapi.cafile /ra authorities",
      "restapi.certfile /r own",
    ],
  );
  assert.deepEqual(
    named("{etcd3: null, consul: {host: c, cacert: /ca}}"),
    ["consul.cacert /ca authorities"],
  );
});

Deno.test("of an etcd that this host runs its own certificates are watched, too", () => {
  const managed = (peer: string) =>
    named(`
etcd3:
  {managed: true, data_dir: /d, connect_address: "10.0.0.1:2379",
   cacert: /ca, server_cert: /s, server_key: /k,
   peer_cert: /p, peer_key: /k${peer}}
`);
  const own = ["etcd3.peer_cert /p own", "etcd3.server_cert /s own"];
  const ca = "etcd3.cacert /ca authorities";
  assert.deepEqual(managed(""), [ca, ...own]);
  assert.deepEqual(
    managed(", peer_cacert: /pa"),
    [
      ca,
      "etcd3.peer_cacert /pa authorities",
      ...own,
    ].toSorted(),
  );
});
