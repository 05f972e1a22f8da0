/**
 * How a kubeconfig logs in, on a real API server: by a program (`exec`) that gives
 * tokens or client certificates, which end and are refused; and what follows when
 * the file itself is changed. The program is a small script.
 */
import assert from "node:assert/strict";
import { openDcsTarget } from "../../lib/compose/dcs.ts";
import { Wanted } from "../../lib/config/fields.ts";
import { readStore } from "../../lib/config/stores/all.ts";
import type { Dcs } from "../../lib/ports/dcs.ts";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";
import { kubernetesSkipReason } from "../helpers/kube_apiserver_program.ts";
import { ADMIN, KubernetesServer, MEMBER } from "../helpers/kubernetes.ts";
import { grantMember } from "../helpers/kubernetes_manifests.ts";
import { matriarchCommand } from "../helpers/program.ts";
import { certificate } from "./dcs_etcd_access.ts";
import { contents, eventually, isRefused, LIMITS, put } from "./dcs_fixture.ts";

const skipReason = kubernetesSkipReason();
const V1 = "client.authentication.k8s.io/v1";
const SECTION = { labels: { application: "test" } };

Deno.test({
  name: "a kubeconfig logs in by a program, and is read again" +
    (skipReason === null ? "" : ` (skipped: ${skipReason})`),
  ignore: skipReason !== null,
  fn: async (t) => {
    await using server = await KubernetesServer.start();
    await grantMember(server);
    const files = new Files(server);
    const previous = Deno.env.get("KUBECONFIG");
    Deno.env.set("KUBECONFIG", files.config);
    try {
      await t.step("its token lets in, and the next one", () => tokens(files));
      await t.step("its certificate lets in", () => certificates(files));
      await t.step("before its token ends it runs again", () => renewed(files));
      await t.step("the command line may run it", () => called(files));
      await t.step("what it cannot do is a sentence", () => broken(files));
      await t.step("a changed kubeconfig is taken over", () => changed(files));
    } finally {
      if (previous === undefined) Deno.env.delete("KUBECONFIG");
      else Deno.env.set("KUBECONFIG", previous);
    }
  },
});

/** The kubeconfig and the program, in the server's folder. */
class Files {
  readonly server: KubernetesServer;

  constructor(server: KubernetesServer) {
    this.server = server;
  }

  get config(): string {
    return `${this.server.directory}/kubeconfig`;
  }

  get #answer(): string {
    return `${this.server.directory}/answer`;
  }

  /** Whoever reads it meanwhile sees the old one or the new one. */
  async #write(path: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${path}.new`, text, { mode: 0o755 });
    await Deno.rename(`${path}.new`, path);
  }

  /** What the user of the kubeconfig is. */
  async writeUser(user: object): Promise<void> {
    const { endpoint: server, ca } = this.server;
    const cluster = { server, "certificate-authority": ca };
    const config = {
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      clusters: [{ name: "a", cluster }],
      users: [{ name: "a", user }],
    };
    await this.#write(this.config, JSON.stringify(config));
  }

  /** The user logs in by the program, which runs `body`. */
  async writeProgram(body: string, exec: object = {}): Promise<void> {
    const { directory } = this.server;
    await this.#write(`${directory}/login`, `#!/bin/sh\n${body}\n`);
    const env = [{ name: "ANSWER", value: this.#answer }];
    const program = { apiVersion: V1, command: "./login", env, ...exec };
    await this.writeUser({ exec: program });
  }

  /** What the program prints from now on. */
  async answer(status: object): Promise<void> {
    const answer = { apiVersion: V1, kind: "ExecCredential", status };
    await this.#write(this.#answer, JSON.stringify(answer));
  }

  /** A client that has the kubeconfig as a member has it. */
  async use(act: (dcs: Dcs) => Promise<void>): Promise<void> {
    const config = readStore({ kubernetes: SECTION });
    assert.ok(!(config instanceof Wanted));
    const place = { namespace: "service", scope: "batman", group: null };
    const dcs = await openDcsTarget({ config, ...place });
    try {
      await act(dcs);
    } finally {
      await dcs.close();
    }
  }
}

async function tokens(files: Files): Promise<void> {
  await files.writeProgram('cat "$ANSWER"');
  await files.answer({ token: MEMBER.token });
  await files.use(async (dcs) => {
    await put(dcs, "config", "1");
    assert.deepEqual(await contents(dcs), { config: "1" });
  });
  await files.answer({ token: "it-has-ended" });
  await files.use(async (dcs) => {
    await isRefused(dcs.readFresh(LIMITS), /does not accept these credentials/);
    await files.answer({ token: MEMBER.token });
    await eventually(() => isServed(dcs), () => "it runs again");
  });
}

async function certificates(files: Files): Promise<void> {
  const { server } = files;
  const ca = { cert: server.ca, key: `${server.directory}/ca.key` };
  const pair = await certificate(server.directory, MEMBER.name, ca);
  const status = {
    clientCertificateData: Deno.readTextFileSync(pair.cert),
    clientKeyData: Deno.readTextFileSync(pair.key),
  };
  await files.answer(status);
  await files.use(async (dcs) => {
    await put(dcs, "config", "2");
    // What can be asked twice goes over a kept connection.
    assert.deepEqual(await contents(dcs), { config: "2" });
    assert.deepEqual(await contents(dcs), { config: "2" });
  });
}

async function renewed(files: Files): Promise<void> {
  const runs = `${files.server.directory}/runs`;
  await files.writeProgram(`echo run >>${runs}; cat "$ANSWER"`, {
    provideClusterInfo: true,
  });
  const until = new Date(Date.now() + 6_000).toISOString();
  await files.answer({ token: MEMBER.token, expirationTimestamp: until });
  await files.use(async (dcs) => {
    await contents(dcs);
    await files.answer({ token: ADMIN.token });
    await eventually(async () => {
      // None of them fails.
      await contents(dcs);
      return Deno.readTextFileSync(runs).split("\n").length > 2;
    }, () => Deno.readTextFileSync(runs));
  });
}

/** It gives up the right to start programs, but for a kubeconfig like this one. */
async function called(files: Files): Promise<void> {
  await files.answer({ token: MEMBER.token });
  const path = `${files.server.directory}/matriarch.yml`;
  const config = { scope: "batman", kubernetes: SECTION };
  await Deno.writeTextFile(path, JSON.stringify(config));
  const list = async () => {
    const { code, stdout, stderr } = await matriarchCommand(
      ["-c", path, "list"],
      { env: { KUBECONFIG: files.config } },
    ).output();
    const decoder = new TextDecoder();
    return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
  };
  const good = await list();
  assert.equal(good.code, 0, good.text);
  assert.match(good.text, /Cluster: batman/);
  await files.writeProgram("echo no network >&2; exit 7");
  const bad = await list();
  assert.equal(bad.code, 1, bad.text);
  assert.match(bad.text, /login" ended with code 7: no network\n$/);
}

async function broken(files: Files): Promise<void> {
  const bodies: readonly (readonly [string, RegExp])[] = [
    ["echo no network >&2; exit 7", /login" ended with code 7: no network$/],
    ["kill -9 $$", /login" ended by SIGKILL$/],
    ["echo secret", /login" did not print an ExecCredential in JSON$/],
    ["sleep 1000", /login" is still busy$/],
  ];
  for (const [body, wanted] of bodies) {
    await files.writeProgram(body);
    await files.use(async (dcs) => {
      const call = dcs.readFresh({ timeoutMs: 1500 });
      await isRefused(call, wanted, DcsUnreachableError);
    });
  }
  const execs: readonly (readonly [object, RegExp])[] = [
    [
      { command: "no-such-login", installHint: "Get it from us.\nReally." },
      /there is no login program "no-such-login" \(Get it from us\.\)$/,
    ],
    [{ command: "./gone" }, /there is no login program "\S+\/gone"$/],
    [{ apiVersion: "v1" }, /its login program speaks "v1", which is neither/],
  ];
  for (const [exec, wanted] of execs) {
    await files.writeProgram("exit 0", exec);
    await assert.rejects(files.use(() => Promise.resolve()), (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, wanted);
      assert.match(error.message, /^The section kubernetes cannot be used: /);
      return true;
    });
  }
}

async function changed(files: Files): Promise<void> {
  await files.writeUser({ token: "it-has-ended" });
  await files.use(async (dcs) => {
    await isRefused(dcs.readFresh(LIMITS), /does not accept these credentials/);
    await files.writeUser({ token: MEMBER.token });
    await eventually(() => isServed(dcs), () => "the new token counts");
    await files.answer({ token: MEMBER.token });
  });
  await files.writeUser({ token: "it-has-ended" });
  await files.use(async (dcs) => {
    await files.writeProgram('cat "$ANSWER"');
    await eventually(() => isServed(dcs), () => "the program counts");
  });
}

async function isServed(dcs: Dcs): Promise<boolean> {
  return await dcs.readFresh(LIMITS).then(() => true, () => false);
}
