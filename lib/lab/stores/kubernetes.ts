/**
 * An API server of Kubernetes with its etcd, and nothing else of it: the members'
 * pods are objects that nobody runs.
 */
import { Buffer } from "node:buffer";
import { request } from "node:https";
import { hasProgram } from "../programs.ts";
import { etcdNodes, etcdPorts, startEtcd } from "./etcd.ts";
import { startServer } from "./server.ts";
import type { LabStore, RunningStore, StorePlan } from "./store.ts";

const PROGRAM = "kube-apiserver";
const LABELS = { application: "matriarch-lab" };
const PODS = "/api/v1/namespaces/default/pods";
/** For a request to a server on this host. */
const REQUEST_MS = 5_000;

interface ApiServer {
  readonly directory: string;
  readonly port: number;
  readonly etcdPort: number;
  /** Of the administrator, who is the only user. */
  readonly token: string;
  readonly pods: readonly string[];
  readonly kubeconfig: string;
}

/** `--dcs kubernetes`. */
export const KUBERNETES: LabStore = {
  name: "kubernetes",
  what: "an API server alone, members as pods on paper",
  needs: [
    { isThere: () => hasProgram("etcd"), package: "etcd-server" },
    {
      isThere: () => hasProgram(PROGRAM),
      advice: `no package has ${PROGRAM}: put it on PATH, or let ` +
        "`deno task test:kubernetes` of a checkout of Matriarch build it (five " +
        "minutes) and use ./scripts/lab there",
    },
  ],
  plan: ({ directory: lab, firstPort: port, password, members }): StorePlan => {
    const directory = `${lab}/kubernetes`;
    const server: ApiServer = {
      ...{ directory, port, etcdPort: port + 1, token: password },
      pods: Array.from({ length: members }, (_, at) => `m${at + 1}`),
      kubeconfig: `${directory}/kubeconfig`,
    };
    return {
      section: { kubernetes: { labels: LABELS } },
      environment: { KUBECONFIG: server.kubeconfig },
      ports: [
        { port, use: "Kubernetes' API server" },
        ...etcdPorts(etcdNodes(1, server.etcdPort)),
      ],
      start: () => start(server),
    };
  },
};

async function start(server: ApiServer): Promise<RunningStore> {
  const { directory, port, etcdPort } = server;
  await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFiles(server);
  const nodes = etcdNodes(1, etcdPort);
  const etcd = await startEtcd({ directory, mark: directory, nodes });
  try {
    const api = await startServer({
      ...{ command: PROGRAM, args: argumentsOf(server), directory },
      what: `Kubernetes' API server on port ${port} to be ready`,
      isReady: () => isReady(server),
    });
    const stop = async (): Promise<void> => {
      await api.stop();
      await etcd.stop();
    };
    return { stop };
  } catch (error) {
    await etcd.stop();
    throw error;
  }
}

function argumentsOf(
  { directory, port, etcdPort }: ApiServer,
): readonly string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    ...["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"],
    // It makes its certificate by itself.
    ...[`--secure-port=${port}`, `--cert-dir=${directory}`],
    `--token-auth-file=${directory}/tokens.csv`,
    "--authorization-mode=RBAC",
    "--service-account-issuer=https://matriarch.lab",
    `--service-account-signing-key-file=${directory}/accounts.key`,
    `--service-account-key-file=${directory}/accounts.key`,
    "--service-cluster-ip-range=10.123.0.0/24",
    "--disable-admission-plugins=ServiceAccount",
  ];
}

async function writeFiles(server: ApiServer): Promise<void> {
  const { directory, port, token, kubeconfig } = server;
  const files = {
    [`${directory}/tokens.csv`]: `${token},lab,1,"system:masters"\n`,
    [`${directory}/accounts.key`]: await newKey(),
    [kubeconfig]: JSON.stringify({
      "current-context": "lab",
      contexts: [{ name: "lab", context: { cluster: "lab", user: "lab" } }],
      clusters: [{
        name: "lab",
        cluster: {
          server: `https://127.0.0.1:${port}`,
          "certificate-authority": authorityOf(server),
        },
      }],
      users: [{ name: "lab", user: { token } }],
    }),
  };
  for (const [path, text] of Object.entries(files)) {
    await Deno.writeTextFile(path, text, { mode: 0o600 });
  }
}

/** Behind the server's own certificate stands that of its authority. */
function authorityOf({ directory }: ApiServer): string {
  return `${directory}/apiserver.crt`;
}

/** The server wants a key for the tokens of service accounts, of which there are none. */
async function newKey(): Promise<string> {
  const { privateKey } = await crypto.subtle.generateKey(
    {
      ...{ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048 },
      publicExponent: new Uint8Array([1, 0, 1]),
    },
    true,
    ["sign", "verify"],
  );
  const der = await crypto.subtle.exportKey("pkcs8", privateKey);
  const lines = Buffer.from(der).toString("base64").match(/.{1,64}/g) ?? [];
  const [begin, end] = ["BEGIN", "END"].map((word) =>
    `-----${word} PRIVATE KEY-----`
  );
  return [begin, ...lines, end, ""].join("\n");
}

/** It serves, and each member has its pod. */
async function isReady(server: ApiServer): Promise<true | null> {
  const ready = { method: "GET", path: "/readyz" } as const;
  if (await ask(server, ready) !== 200) return null;
  for (const name of server.pods) {
    const body = {
      ...{ apiVersion: "v1", kind: "Pod" },
      metadata: { name, labels: { ...LABELS, "cluster-name": "lab" } },
      spec: { containers: [{ name: "main", image: "none" }] },
    };
    const status = await ask(server, { method: "POST", path: PODS, body });
    // 409: it is there already.
    if (status !== 201 && status !== 409) return null;
  }
  return true;
}

interface Question {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: object;
}

/** The status of the answer. */
async function ask(
  server: ApiServer,
  { method, path, body }: Question,
): Promise<number> {
  const { port, token } = server;
  const ca = await Deno.readTextFile(authorityOf(server));
  return await new Promise((resolve, reject) => {
    const outgoing = request({
      ...{ host: "127.0.0.1", port, method, path, ca, agent: false },
      signal: AbortSignal.timeout(REQUEST_MS),
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
      },
    }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode ?? 0));
      answer.on("error", reject);
    });
    outgoing.on("error", reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
