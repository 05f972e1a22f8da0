/**
 * A private API server of Kubernetes for tests, with its own etcd, on free ports,
 * ended with the test. Nothing else of Kubernetes runs: pods are objects that the
 * tests make. Can be stopped (SIGSTOP) and killed.
 */
import { request } from "node:https";
import assert from "node:assert/strict";
import { certificate } from "../conformance/dcs_etcd_access.ts";
import { EtcdServers } from "./etcd.ts";
import { freePort } from "./free_ports.ts";
import { kubeApiserverProgram } from "./kube_apiserver_program.ts";

const START_LIMIT_MS = 90_000;
/** Nobody waits longer for a process to stop. */
const STOPPED_MS_MAX = 5_000;

/** A user of static tokens. */
export interface KubeUser {
  readonly name: string;
  readonly token: string;
}

/** May do everything. */
export const ADMIN: KubeUser = { name: "admin", token: "admin-token" };
/** Has the rights of a member, once a test has made the Role. */
export const MEMBER: KubeUser = { name: "member", token: "member-token" };
/** Is known, and may do nothing. */
export const STRANGER: KubeUser = { name: "stranger", token: "stranger-token" };

/** A running API server. */
export class KubernetesServer implements AsyncDisposable {
  readonly port: number;
  /** `https://127.0.0.1:port`. */
  readonly endpoint: string;
  /** PEM file. */
  readonly ca: string;
  readonly directory: string;
  readonly #etcd: EtcdServers;
  #child: Deno.ChildProcess;

  private constructor(directory: string, etcd: EtcdServers) {
    this.port = freePort();
    this.endpoint = `https://127.0.0.1:${this.port}`;
    this.directory = directory;
    this.ca = `${directory}/ca.pem`;
    this.#etcd = etcd;
    this.#child = this.#spawn();
  }

  /** Starts one and waits until it serves. */
  static async start(): Promise<KubernetesServer> {
    const directory = await Deno.makeTempDir({ prefix: "matriarch-kube-" });
    const ca = await certificate(directory, "ca", null);
    await certificate(directory, "server", ca);
    await Deno.writeTextFile(
      `${directory}/tokens.csv`,
      `${ADMIN.token},${ADMIN.name},1,"system:masters"\n` +
        `${MEMBER.token},${MEMBER.name},2\n` +
        `${STRANGER.token},${STRANGER.name},3\n`,
    );
    const etcd = await EtcdServers.start();
    const server = new KubernetesServer(directory, etcd);
    try {
      await server.#untilServing();
      return server;
    } catch (error) {
      const log = await Deno.readTextFile(`${directory}/log`);
      await server[Symbol.asyncDispose]();
      const text = `kube-apiserver did not start:\n${log.slice(-4000)}`;
      throw new Error(text, { cause: error });
    }
  }

  get etcdEndpoint(): string {
    return this.#etcd.endpoints[0] ?? "";
  }

  /** A request of the administrator; the answer's status and JSON. */
  async ask(
    method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly json: unknown }> {
    const ca = await Deno.readTextFile(this.ca);
    return await new Promise((resolve, reject) => {
      const outgoing = request(this.endpoint + path, {
        ...{ method, ca, agent: false },
        signal: AbortSignal.timeout(20_000),
        headers: {
          authorization: `Bearer ${ADMIN.token}`,
          "content-type": method === "PATCH"
            ? "application/strategic-merge-patch+json"
            : "application/json",
        },
      }, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (part: string) => text += part);
        answer.on("error", reject);
        answer.on("end", () => {
          const status = answer.statusCode ?? 0;
          resolve({
            status,
            json: text.startsWith("{") ? JSON.parse(text) : text,
          });
        });
      });
      outgoing.on("error", reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** The same, and it must succeed. */
  async must(
    method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
    path: string,
    body?: unknown,
  ): Promise<Record<string, unknown>> {
    const { status, json } = await this.ask(method, path, body);
    assert.ok(status >= 200 && status < 300, Deno.inspect(json));
    return Object(json);
  }

  /** A pod that nobody runs, for a member of a scope. */
  async makePod(
    name: string,
    labels: Readonly<Record<string, string>>,
    namespace = "default",
  ): Promise<void> {
    const { status, json } = await this.ask(
      "POST",
      `/api/v1/namespaces/${namespace}/pods`,
      {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name, labels },
        spec: { containers: [{ name: "main", image: "none" }] },
      },
    );
    assert.ok(status === 201 || status === 409, Deno.inspect(json));
  }

  /** A kubeconfig for a user. */
  async kubeconfig(
    user: KubeUser = ADMIN,
    port: number = this.port,
  ): Promise<string> {
    const path = `${this.directory}/kubeconfig-${user.name}-${port}`;
    const server = `https://127.0.0.1:${port}`;
    const config = {
      "current-context": "test",
      contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
      clusters: [{
        name: "test",
        cluster: { server, "certificate-authority": this.ca },
      }],
      users: [{ name: "test", user: { token: user.token } }],
    };
    await Deno.writeTextFile(path, JSON.stringify(config));
    await Deno.chmod(path, 0o644);
    return path;
  }

  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void {
    this.#signal("SIGSTOP");
    const deadline = performance.now() + STOPPED_MS_MAX;
    while (performance.now() < deadline) {
      const text = Deno.readTextFileSync(`/proc/${this.#child.pid}/stat`);
      if (text.slice(text.lastIndexOf(")") + 2).startsWith("T")) return;
    }
  }

  /** SIGCONT. */
  thaw(): void {
    this.#signal("SIGCONT");
  }

  /** SIGKILL, and a new one on the same port; what etcd has is still there. */
  async restart(): Promise<void> {
    await this.kill();
    this.#child = this.#spawn();
    await this.#untilServing();
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#etcd[Symbol.asyncDispose]();
    await Deno.remove(this.directory, { recursive: true });
  }

  #spawn(): Deno.ChildProcess {
    const { directory, port } = this;
    const file = (name: string): string => `${directory}/${name}`;
    const args = [
      ...["--etcd-servers", this.#etcd.endpoints.join(",")],
      ...["--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1"],
      ...["--secure-port", String(port), "--insecure-port", "0"],
      ...["--cert-dir", directory, "--client-ca-file", this.ca],
      ...["--tls-cert-file", file("server.pem")],
      ...["--tls-private-key-file", file("server.key")],
      ...["--token-auth-file", file("tokens.csv")],
      ...["--authorization-mode", "RBAC"],
      ...["--service-account-issuer", "https://matriarch.test"],
      ...["--service-account-signing-key-file", file("server.key")],
      ...["--service-account-key-file", file("server.key")],
      ...["--service-cluster-ip-range", "10.123.0.0/24"],
      "--disable-admission-plugins=ServiceAccount",
      "--enable-priority-and-fairness=false",
    ];
    return new Deno.Command("sh", {
      args: [
        "-c",
        'log=$1; shift; exec "$@" >>"$log" 2>&1',
        ...["sh", file("log"), kubeApiserverProgram(), ...args],
      ],
      stdin: "null",
    }).spawn();
  }

  async #untilServing(): Promise<void> {
    const deadline = performance.now() + START_LIMIT_MS;
    while (!(await this.#isServing())) {
      if (performance.now() > deadline) throw new Error("it is silent");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Ready, and the namespace that tests use is made. */
  async #isServing(): Promise<boolean> {
    try {
      const ready = await this.ask("GET", "/readyz");
      const place = await this.ask("GET", "/api/v1/namespaces/default");
      return ready.status === 200 && place.status === 200;
    } catch {
      return false;
    }
  }

  #signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch {
      // It has ended already.
    }
  }
}
