/**
 * What Kubernetes refuses, or what is not Kubernetes: one clear sentence each.
 * First on a real API server, then on small servers that answer as no good one
 * does.
 */
import assert from "node:assert/strict";
import { openDcsTarget } from "../../lib/compose/dcs.ts";
import { Wanted } from "../../lib/config/fields.ts";
import { readStore } from "../../lib/config/stores/all.ts";
import type { Dcs } from "../../lib/ports/dcs.ts";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";
import { kubernetesSkipReason } from "../helpers/kube_apiserver_program.ts";
import { KubernetesServer, MEMBER, STRANGER } from "../helpers/kubernetes.ts";
import {
  grantMember,
  manifests,
  send,
} from "../helpers/kubernetes_manifests.ts";
import { certificate } from "./dcs_etcd_access.ts";
import { contents, eventually, isRefused, LIMITS, put } from "./dcs_fixture.ts";
import { type GivenOptions, kubernetesDcs } from "./dcs_kubernetes_access.ts";

const skipReason = kubernetesSkipReason();
const SHORT = { timeoutMs: 1500 };

async function withDcs(
  server: Pick<KubernetesServer, "endpoint" | "ca">,
  given: GivenOptions,
  use: (dcs: Dcs) => Promise<void>,
): Promise<void> {
  const dcs = kubernetesDcs(server, given);
  try {
    await use(dcs);
  } finally {
    await dcs.close();
  }
}

Deno.test({
  name: "what an API server of Kubernetes refuses is said in a sentence" +
    (skipReason === null ? "" : ` (skipped: ${skipReason})`),
  ignore: skipReason !== null,
  fn: async (t) => {
    await using server = await KubernetesServer.start();
    await t.step("no rights, and then the member's", () => rights(server));
    await t.step("a token that ends, and its successor", () => token(server));
    await t.step("no namespace, no pod", () => nowhere(server));
    await t.step("certificates", () => certificates(server));
    await t.step("each form of a kubeconfig", () => kubeconfigs(server));
    await t.step("the manifests are taken", () => dryRun(server));
  },
});

async function rights(server: KubernetesServer): Promise<void> {
  const authorization = { kind: "token", token: STRANGER.token } as const;
  await withDcs(server, { credentials: { authorization } }, async (dcs) => {
    const text = /does not allow what is needed: .*forbidden.*rbac\.yaml/;
    await isRefused(dcs.readFresh(LIMITS), text);
    await isRefused(dcs.read(LIMITS), text);
    await isRefused(dcs.openSession(20_000, LIMITS), text);
    await isRefused(put(dcs, "config", "{}"), text);
    await isRefused(dcs.removeScope(LIMITS), text);
  });
  await grantMember(server);
  const { token } = MEMBER;
  const credentials = { authorization: { kind: "token", token } } as const;
  await withDcs(server, { credentials }, async (dcs) => {
    await put(dcs, "config", "{}");
    assert.deepEqual(await contents(dcs), { config: "{}" });
    await dcs.removeScope(LIMITS);
    assert.deepEqual(await contents(dcs), {});
  });
}

async function token(server: KubernetesServer): Promise<void> {
  const path = `${server.directory}/token`;
  const authorization = { kind: "token_file", path } as const;
  await withDcs(server, { credentials: { authorization } }, async (dcs) => {
    await isRefused(
      dcs.readFresh(SHORT),
      /there is no token in/,
      DcsUnreachableError,
    );
    await Deno.writeTextFile(path, "it-has-ended\n");
    await isRefused(dcs.readFresh(LIMITS), /does not accept these credentials/);
    await Deno.writeTextFile(path, `${MEMBER.token}\n`);
    assert.deepEqual(await contents(dcs), {});
    // A file that is just being replaced changes nothing.
    await Deno.remove(path);
    assert.deepEqual(await contents(dcs), {});
  });
}

async function nowhere(server: KubernetesServer): Promise<void> {
  await withDcs(server, { layout: { namespace: "nowhere" } }, async (dcs) => {
    assert.deepEqual(await contents(dcs), {});
    await isRefused(put(dcs, "config", "{}"), /namespaces "nowhere" not found/);
    await isRefused(
      put(dcs, "members/n9", "{}"),
      /no pod "n9" in the namespace "nowhere": the name of a member is that/,
    );
  });
  await withDcs(server, {}, async (dcs) => {
    await isRefused(put(dcs, "members/N 1", "{}"), /no place for the key/);
    await isRefused(put(dcs, "sync", "x"), /no form for this value of "sync"/);
  });
}

async function certificates(server: KubernetesServer): Promise<void> {
  const { cert } = await certificate(server.directory, "stranger", null);
  const tls = { rejectUnauthorized: true, ca: Deno.readTextFileSync(cert) };
  await withDcs(server, { credentials: { tls } }, async (dcs) => {
    await isRefused(
      dcs.readFresh(SHORT),
      /certificate|issuer|signature/i,
      DcsUnreachableError,
    );
  });
  const unchecked = { rejectUnauthorized: false };
  await withDcs(server, { credentials: { tls: unchecked } }, async (dcs) => {
    assert.deepEqual(await contents(dcs), {});
  });
  const plain = { server: server.endpoint.replace("https", "http") };
  await withDcs(server, { credentials: plain }, async (dcs) => {
    await isRefused(dcs.readFresh(LIMITS), /takes TLS only: use https/);
  });
}

/** Through the section, as a member has it. */
async function kubeconfigs(server: KubernetesServer): Promise<void> {
  const ca = { cert: server.ca, key: `${server.directory}/ca.key` };
  const pair = await certificate(server.directory, MEMBER.name, ca);
  const data = (path: string) => btoa(Deno.readTextFileSync(path));
  const authority = { "certificate-authority-data": data(server.ca) };
  const cases: readonly (readonly [object, object])[] = [
    [authority, { token: MEMBER.token }],
    [{ "certificate-authority": "ca.pem" }, {
      "client-certificate": `${MEMBER.name}.pem`,
      "client-key": `${MEMBER.name}.key`,
    }],
    [{ "insecure-skip-tls-verify": true }, {
      "client-certificate-data": data(pair.cert),
      "client-key-data": data(pair.key),
    }],
  ];
  const path = `${server.directory}/config`;
  const previous = Deno.env.get("KUBECONFIG");
  Deno.env.set("KUBECONFIG", path);
  try {
    for (const [at, [cluster, user]] of cases.entries()) {
      await Deno.writeTextFile(
        path,
        JSON.stringify({
          "current-context": "a",
          contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
          clusters: [{
            name: "a",
            cluster: { ...cluster, server: server.endpoint },
          }],
          users: [{ name: "a", user }],
        }),
      );
      await throughSection({ labels: { a: "b" } }, async (dcs) => {
        await put(dcs, "config", String(at));
        assert.deepEqual(await contents(dcs), { config: String(at) });
      });
    }
    await assert.rejects(
      throughSection(
        { labels: { a: "b" }, context: "x" },
        () => Promise.resolve(),
      ),
      /section kubernetes cannot be used: .*it has no context "x"/,
    );
    Deno.env.set("KUBECONFIG", "/nowhere");
    await assert.rejects(
      throughSection({ labels: { a: "b" } }, () => Promise.resolve()),
      /there is no service account, and the kubeconfig \/nowhere cannot be read/,
    );
  } finally {
    if (previous === undefined) Deno.env.delete("KUBECONFIG");
    else Deno.env.set("KUBECONFIG", previous);
  }
}

async function throughSection(
  section: object,
  use: (dcs: Dcs) => Promise<void>,
): Promise<void> {
  const config = readStore({ kubernetes: section });
  assert.ok(!(config instanceof Wanted));
  const place = { namespace: "service", scope: "batman", group: null };
  const dcs = await openDcsTarget({ config, ...place });
  try {
    await use(dcs);
  } finally {
    await dcs.close();
  }
}

/** The server looks at all of them, and keeps nothing. */
async function dryRun(server: KubernetesServer): Promise<void> {
  let count = 0;
  for (const name of ["rbac.yaml", "services.yaml", "statefulset.yaml"]) {
    for (const manifest of await manifests(name)) {
      // These are there already.
      if (/^Role/.test(manifest.kind)) continue;
      if (manifest.kind === "ServiceAccount") continue;
      await send(server, manifest, "?dryRun=All");
      count += 1;
    }
  }
  assert.equal(count, 8);
}

/** Answers one request after the other; the last answer is for all that follow. */
interface Script {
  readonly asked: string[];
  readonly endpoint: string;
  stop(): Promise<void>;
}

function scripted(answers: readonly (() => Response)[]): Script {
  const asked: string[] = [];
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => {
      const at = Math.min(asked.length, answers.length - 1);
      asked.push(`${request.method} ${new URL(request.url).pathname}`);
      return answers[at]?.() ?? new Response("", { status: 500 });
    },
  );
  const endpoint = `http://127.0.0.1:${server.addr.port}`;
  return { asked, endpoint, stop: () => server.shutdown() };
}

async function withScript(
  answers: readonly (() => Response)[],
  given: GivenOptions,
  use: (dcs: Dcs, asked: readonly string[]) => Promise<void>,
): Promise<void> {
  const { asked, endpoint, stop } = scripted(answers);
  const credentials = { server: endpoint, tls: { rejectUnauthorized: true } };
  try {
    await withDcs(
      { endpoint, ca: "/dev/null" },
      { ...given, credentials: { ...credentials, ...given.credentials } },
      (dcs) => use(dcs, asked),
    );
  } finally {
    await stop();
  }
}

function status(code: number, message = "not now", headers = {}): Response {
  const body = { kind: "Status", code, message, reason: "x" };
  return Response.json(body, { status: code, headers });
}

function empty(): Response {
  return Response.json({
    ...{ kind: "ConfigMapList", metadata: { resourceVersion: "5" }, items: [] },
  });
}

Deno.test("a server of another kind on the port is named as one", async () => {
  const pages: readonly (() => Response)[] = [
    () => new Response("<html>"),
    () => new Response("404 page not found", { status: 404 }),
    () => new Response("", { status: 301 }),
    () => Response.json({}),
    () => Response.json({ kind: "List", items: [] }),
    () => Response.json([1]),
  ];
  for (const page of pages) {
    await withScript([page], {}, async (dcs) => {
      const text = /is no API server of Kubernetes: status \d+/;
      await isRefused(dcs.readFresh(LIMITS), text);
      await isRefused(put(dcs, "config", "{}"), text);
    });
  }
});

Deno.test("what may be done twice is tried again, what may not is not", async () => {
  const busy = [
    () => status(503),
    () => status(429, "slow down", { "retry-after": "0" }),
    () => status(500),
    empty,
  ];
  await withScript(busy, {}, async (dcs) => {
    assert.deepEqual((await dcs.readFresh(LIMITS)).entries, []);
  });
  // Nobody knows whether a guarded write was done.
  const lost = [() => status(404), () => status(504, "timed out")];
  await withScript(lost, {}, async (dcs, asked) => {
    const { id: session } = await dcs.openSession(20_000, LIMITS);
    const when = [{ kind: "absent", key: "failover" }] as const;
    const edit = { kind: "put", key: "failover", value: "{}" } as const;
    const edits = [{ ...edit, session: null }];
    await isRefused(
      dcs.write({ when, edits }, SHORT),
      /cannot serve: timed out \(status 504\)/,
      DcsUnreachableError,
    );
    assert.ok(session !== "");
    assert.equal(asked.filter((one) => one.startsWith("POST")).length, 0);
  });
});

Deno.test("codes of the configuration are tried again, and count as unreachable", async () => {
  const given = { tunables: () => ({ retriableCodes: [418] }) };
  await withScript([() => status(418), empty], given, async (dcs) => {
    assert.deepEqual((await dcs.readFresh(LIMITS)).entries, []);
  });
  await withScript([() => status(418)], given, async (dcs) => {
    const call = dcs.readFresh(SHORT);
    await isRefused(call, /cannot serve/, DcsUnreachableError);
  });
  await withScript([() => status(418)], {}, async (dcs) => {
    await isRefused(dcs.readFresh(SHORT), /refuses: not now \(status 418\)/);
  });
});

Deno.test("the API servers themselves are asked, by the Service's name", async () => {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-bypass-" });
  try {
    const ca = await certificate(folder, "ca", null);
    // Not for the address of the server itself.
    const alsoFor = ",DNS:kubernetes.default.svc";
    const pair = await certificate(folder, "server", { ...ca, alsoFor });
    const files = {
      cert: Deno.readTextFileSync(pair.cert),
      key: Deno.readTextFileSync(pair.key),
    };
    const counts = { service: 0, own: 0 };
    const [ending, later] = [new AbortController(), new AbortController()];
    const settings = { ...files, port: 0, onListen: () => {} };
    const own = Deno.serve(
      { ...settings, hostname: "127.0.0.2", signal: ending.signal },
      () => {
        counts.own += 1;
        return empty();
      },
    );
    const front = Deno.serve(
      { ...settings, hostname: "127.0.0.1", signal: later.signal },
      (request) => {
        counts.service += 1;
        return request.url.endsWith("/default/endpoints/kubernetes")
          ? Response.json({
            metadata: { name: "kubernetes", resourceVersion: "1" },
            subsets: [{
              addresses: [{ ip: "127.0.0.2" }],
              ports: [{ name: "https", port: own.addr.port }],
            }],
          })
          : empty();
      },
    );
    const endpoint = `https://127.0.0.1:${front.addr.port}`;
    const given = { isServiceBypassed: true };
    await withDcs({ endpoint, ca: ca.cert }, given, async (dcs) => {
      await eventually(async () => {
        await dcs.readFresh(LIMITS);
        return counts.own > 0;
      }, () => counts);
      const before = counts.service;
      for (let i = 0; i < 3; i++) await dcs.readFresh(LIMITS);
      assert.equal(counts.service, before);
      ending.abort();
      // The last resort.
      assert.deepEqual((await dcs.readFresh(LIMITS)).entries, []);
      assert.ok(counts.service > before);
    });
    later.abort();
    await Promise.all([own.finished, front.finished]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
