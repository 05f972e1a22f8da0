/** Constructs the store on Kubernetes: finds the credentials, names the objects. */
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
  const citus = group === null ? {} : { "citus-group": String(group) };
  return new DcsKubernetes({
    credentials: credentialsOf(config, (name) => Deno.env.get(name)),
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
    authorization: { kind: "token_file", path },
  };
}

function kubeconfigOf(
  access: KubeconfigAccess,
  cacert: string | null,
): KubernetesCredentials {
  const ca = cacert === null
    ? access.ca
    : { kind: "file", path: cacert } as const;
  const { cert, key } = access;
  return {
    server: access.server,
    tls: {
      rejectUnauthorized: access.isVerified,
      ...(ca === null ? {} : { ca: pemOf(ca) }),
      ...(cert === null || key === null
        ? {}
        : { cert: pemOf(cert), key: pemOf(key) }),
    },
    authorization: authorizationOf(access),
  };
}

function authorizationOf(access: KubeconfigAccess): Authorization {
  const { token, tokenFile, username, password } = access;
  if (token !== null) return { kind: "token", token };
  if (tokenFile !== null) return { kind: "token_file", path: tokenFile };
  return username === null
    ? { kind: "none" }
    : { kind: "password", username, password };
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
