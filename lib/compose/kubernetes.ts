/** Constructs the store on Kubernetes: finds the credentials, names the objects. */
import { Buffer } from "node:buffer";
import { existsSync, readFileSync } from "node:fs";
import { DcsKubernetes } from "../adapters/kubernetes/dcs_kubernetes.ts";
import type {
  Authorization,
  KubernetesCredentials,
  KubernetesMember,
} from "../adapters/kubernetes/options.ts";
import {
  type KubeconfigAccess,
  parseKubeconfig,
  type PemSource,
} from "../config/kubeconfig.ts";
import type { KubeconfigProgram } from "../config/kubeconfig_program.ts";
import { formatHostPort } from "../config/addresses.ts";
import type { StoreConfig } from "../config/stores/all.ts";
import type { KubernetesConfig } from "../config/stores/kubernetes.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";

/** What a pod finds of its service account. */
const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Whose keys, and who asks. */
export interface KubernetesPlace {
  readonly scope: string;
  /** Of Citus; null: none. */
  readonly group: number | null;
  readonly clock: Clock;
  /** The section as it stands now. */
  readonly latest: () => StoreConfig;
  /** The member that asks; null: a tool or a proxy. */
  readonly asking: {
    readonly name: string;
    readonly warn: (text: string) => void;
  } | null;
}

/** @throws {Error} If there are no credentials, or files that cannot be read. */
export function openKubernetes(
  config: KubernetesConfig,
  { scope, group, clock, latest, asking }: KubernetesPlace,
): Dcs {
  const tunables = () => {
    const now = latest();
    const { retriableHttpCodes } = now.kind === "kubernetes" ? now : config;
    return { retriableCodes: retriableHttpCodes };
  };
  const credentials = () => credentialsOf(config, (name) => Deno.env.get(name));
  const citus = group === null ? {} : { "citus-group": String(group) };
  return new DcsKubernetes({
    credentials: credentials(),
    reread: credentials,
    layout: {
      namespace: config.namespace,
      base: group === null ? scope : `${scope}-${group}`,
      hasEndpoints: config.useEndpoints,
      labels: { ...config.labels, ...citus, [config.scopeLabel]: scope },
    },
    isServiceBypassed: config.bypassApiService,
    ...{ tunables, clock },
    member: asking === null ? null : { ...memberOf(config), ...asking },
  });
}

function memberOf(
  config: KubernetesConfig,
): Omit<KubernetesMember, "name" | "warn"> {
  const { podIp, ports } = config;
  return {
    ...{ podIp, ports },
    labels: {
      role: config.roleLabel,
      leaderValue: config.leaderLabelValue,
      followerValue: config.followerLabelValue,
      standbyLeaderValue: config.standbyLeaderLabelValue,
      temporaryRole: config.tmpRoleLabel,
      bootstrap: config.bootstrapLabels,
    },
  };
}

/**
 * Those of the pod's service account; outside of Kubernetes those of the
 * kubeconfig.
 *
 * @throws {Error} With one sentence, if there are neither.
 */
export function credentialsOf(
  { cacert, context }: Pick<KubernetesConfig, "cacert" | "context">,
  variable: (name: string) => string | undefined,
): KubernetesCredentials {
  const host = variable("KUBERNETES_SERVICE_HOST") ?? "";
  const port = variable("KUBERNETES_SERVICE_PORT") ?? "";
  const given = variable("KUBECONFIG") ?? "";
  const isPod = host !== "" && port !== "";
  if (isPod && (given === "" || existsSync(`${ACCOUNT}/token`))) {
    return accountOf({ host, port }, cacert);
  }
  const path = given || `${variable("HOME") ?? ""}/.kube/config`;
  const text = read(path, "there is no service account, and the kubeconfig");
  try {
    const access = parseKubeconfig(text, { path, context });
    isThere(access.program, variable("PATH") ?? "");
    return kubeconfigOf(access, cacert);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`the kubeconfig ${path} cannot be used: ${why}`);
  }
}

function accountOf(
  { host, port }: { readonly host: string; readonly port: string },
  cacert: string | null,
): KubernetesCredentials {
  const path = `${ACCOUNT}/token`;
  read(path, "the service account's token");
  const ca = read(cacert ?? `${ACCOUNT}/ca.crt`, "the certificate authority");
  return {
    server: `https://${formatHostPort({ host, port: Number(port) })}`,
    tls: { rejectUnauthorized: true, ca },
    pair: null,
    authorization: { kind: "token_file", path },
  };
}

function kubeconfigOf(
  access: KubeconfigAccess,
  cacert: string | null,
): KubernetesCredentials {
  const source = cacert === null
    ? access.ca
    : { kind: "file", path: cacert } as const;
  const ca = source === null ? null : pemOf(source);
  const { cert, key } = access;
  return {
    server: access.server,
    tls: {
      rejectUnauthorized: access.isVerified,
      ...(ca === null ? {} : { ca }),
    },
    pair: cert === null || key === null
      ? null
      : { cert: pemOf(cert), key: pemOf(key) },
    authorization: authorizationOf(access, ca),
  };
}

/** A token counts before the program, as for kubectl. */
function authorizationOf(
  { token, tokenFile, program, username, password }: KubeconfigAccess,
  ca: string | null,
): Authorization {
  if (token !== null) return { kind: "token", token };
  if (tokenFile !== null) return { kind: "token_file", path: tokenFile };
  if (program !== null) {
    const { hint: _, cluster, ...rest } = program;
    const told = cluster === null
      ? null
      : { ...cluster, ...authorityOf(cluster, ca) };
    return { kind: "program", program: { ...rest, cluster: told } };
  }
  return username === null
    ? { kind: "none" }
    : { kind: "password", username, password };
}

/** The program gets its contents, also where the kubeconfig names a file. */
function authorityOf(cluster: object, ca: string | null): object {
  const name = "certificate-authority-data";
  return ca === null || name in cluster
    ? {}
    : { [name]: Buffer.from(ca).toString("base64") };
}

/** @throws {Error} If there is no such program. */
function isThere(program: KubeconfigProgram | null, path: string): void {
  if (program === null) return;
  const { command, hint } = program;
  const places = command.includes("/")
    ? [command]
    : path.split(":").map((folder) => `${folder || "."}/${command}`);
  if (places.some((place) => existsSync(place))) return;
  const [line = ""] = (hint ?? "").trim().split("\n");
  throw new Error(
    `there is no login program "${command}"` +
      (line === "" ? "" : ` (${line})`),
  );
}

function pemOf(source: PemSource): string {
  return source.kind === "text"
    ? source.text
    : read(source.path, "the certificate file");
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${what} ${path} cannot be read: ${why}`);
  }
}
