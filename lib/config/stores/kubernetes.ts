/**
 * The store `kubernetes`. Source: docs/contract/configuration.md 3.9, 5.3.
 */
import { parseInteger } from "../../core/base/scalars.ts";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
  textForm,
} from "../../core/calc/documents/config_merge.ts";
import { checkOf } from "../keys/check.ts";
import {
  type KeyMap,
  section,
  type SectionOf,
  type ValueType,
} from "../keys/key.ts";
import {
  changed,
  flag,
  integer,
  orNone,
  text,
  textMap,
  textOrNone,
} from "../keys/types.ts";
import { isAbsent, Wanted } from "../fields.ts";
import {
  each,
  either,
  integer as integerCheck,
  list,
  map,
  string,
} from "../validate/checks.ts";
import type { Store } from "./store.ts";

/** One port of the leader's Endpoints. */
export interface SubsetPort {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
}

/** Section `kubernetes`. */
export interface KubernetesConfig {
  readonly kind: "kubernetes";
  /** Kubernetes' own, not the beginning of a path. */
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly scopeLabel: string;
  readonly roleLabel: string;
  readonly leaderLabelValue: string;
  readonly followerLabelValue: string;
  readonly standbyLeaderLabelValue: string;
  readonly tmpRoleLabel: string | null;
  readonly bootstrapLabels: Readonly<Record<string, string>>;
  readonly useEndpoints: boolean;
  readonly podIp: string | null;
  readonly ports: readonly SubsetPort[];
  readonly cacert: string | null;
  readonly bypassApiService: boolean;
  readonly retriableHttpCodes: readonly number[];
  /** Of the kubeconfig; null: `kind-kind`, or the one in use there. */
  readonly context: string | null;
}

const PORT = { min: 1, max: 65_535 };
const DEFAULT_PORTS: readonly SubsetPort[] = [{ port: 5432 }];

const address = orNone(changed(text, (value) => {
  const isAddress = /^(?:[0-9]{1,3}\.){3}[0-9]{1,3}$/.test(value) ||
    /^[0-9A-Fa-f:.]+$/.test(value) && value.includes(":");
  return isAddress ? value : new Wanted("an IP address");
}));

const ports: ValueType<readonly SubsetPort[]> = {
  read: (value) => {
    if (!Array.isArray(value)) return new Wanted("a list of ports");
    const all = value.map(subsetPort);
    const known = all.filter((one) => one !== null);
    return known.length === all.length
      ? known
      : new Wanted("a list of {name, port, protocol}");
  },
  check: list(map(each("name", string), each("port", integerCheck(PORT)))),
  variable: "list",
};

/** Number, list, or text with commas; what is none of them changes nothing. */
const codes: ValueType<readonly number[]> = {
  read: (value) => codesOf(value) ?? [],
  check: either(integerCheck({}), list(integerCheck({}))),
  variable: "list",
  doubt: (value, path) =>
    codesOf(value) === null
      ? `${path} is no list of HTTP codes: ${textForm(value)}, it is ignored`
      : null,
};

/** The keys of the section. */
const KEYS = {
  namespace: {
    type: textOrNone,
    fallback: "default",
    suffix: "text",
    meaning: "Kubernetes' namespace of the pods and objects",
  },
  labels: {
    type: textMap,
    isRequired: true,
    suffix: "map",
    meaning: "Labels that select the scope's pods and objects",
  },
  scope_label: {
    type: textOrNone,
    fallback: "cluster-name",
    suffix: "text",
    meaning: "Label whose value is the scope",
  },
  role_label: {
    type: textOrNone,
    fallback: "role",
    suffix: "text",
    meaning: "Label of a pod that gets the member's role",
  },
  leader_label_value: {
    type: textOrNone,
    fallback: "primary",
    suffix: "text",
    meaning: "Its value for the leader",
  },
  follower_label_value: {
    type: textOrNone,
    fallback: "replica",
    suffix: "text",
    meaning: "Its value for a running replica",
  },
  standby_leader_label_value: {
    type: textOrNone,
    fallback: "primary",
    suffix: "text",
    meaning: "Its value for the leader of a standby cluster",
  },
  tmp_role_label: {
    type: textOrNone,
    suffix: "text",
    meaning: "A second such label, always with the default values",
  },
  bootstrap_labels: {
    type: textMap,
    fallback: {},
    suffix: "map",
    meaning: "Labels of a pod whose member makes its data directory",
  },
  use_endpoints: {
    type: flag,
    fallback: false,
    suffix: "bool",
    meaning: "Keep the keys in Endpoints, not in ConfigMaps",
  },
  pod_ip: {
    type: address,
    suffix: "text",
    otherwise: "as Kubernetes knows the pod",
    meaning: "The member's address in the leader's Endpoints",
  },
  ports: {
    type: ports,
    fallback: [{ port: 5432 }],
    otherwise: "one, 5432",
    suffix: "list",
    meaning: "Ports of the leader's Endpoints, named as in the Service",
  },
  cacert: {
    type: textOrNone,
    suffix: "text",
    otherwise: "the service account's",
    meaning: "Authorities of the API server's certificate",
  },
  bypass_api_service: {
    type: flag,
    fallback: false,
    suffix: "bool",
    meaning: "Ask the API servers themselves, not their Service",
  },
  retriable_http_codes: {
    type: codes,
    fallback: [],
    apply: "reload",
    suffix: "list",
    meaning: "Answers to try again besides 429, 500, 503 and 504",
  },
  context: {
    type: textOrNone,
    suffix: "text",
    otherwise: "kind-kind, or the current one",
    meaning: "Context of the kubeconfig, outside of Kubernetes",
  },
} as const satisfies KeyMap;

/** The store. */
export const KUBERNETES: Store<KubernetesConfig> = {
  name: "kubernetes",
  hint: "a section kubernetes (labels)",
  keys: KEYS,
  section: changed(section(KEYS), configOf),
  check: checkOf(KEYS),
  url: null,
  hasProxy: true,
  inDocument,
};

/** A namespace at the top of the file counts more, as in Patroni. */
function inDocument(
  config: KubernetesConfig,
  document: ConfigMap,
): KubernetesConfig {
  const namespace = ownValue(document, "namespace");
  return typeof namespace === "string" && namespace !== ""
    ? { ...config, namespace }
    : config;
}

function configOf(keys: SectionOf<typeof KEYS>): KubernetesConfig {
  const { retriableHttpCodes, ports, ...rest } = keys;
  return {
    ...rest,
    kind: "kubernetes",
    namespace: keys.namespace ?? "default",
    scopeLabel: keys.scopeLabel ?? "cluster-name",
    roleLabel: keys.roleLabel ?? "role",
    leaderLabelValue: keys.leaderLabelValue ?? "primary",
    followerLabelValue: keys.followerLabelValue ?? "replica",
    standbyLeaderLabelValue: keys.standbyLeaderLabelValue ?? "primary",
    ports: ports.length === 0 ? DEFAULT_PORTS : ports,
    retriableHttpCodes,
  };
}

function subsetPort(value: unknown): SubsetPort | null {
  if (!isConfigMap(value)) return null;
  const named = (key: string): string | null | undefined => {
    const given = ownValue(value, key);
    if (isAbsent(given) || given === "") return undefined;
    return typeof given === "string" ? given : null;
  };
  const [name, protocol] = [named("name"), named("protocol")];
  const given = ownValue(value, "port");
  const port = isAbsent(given) ? 5432 : integer(PORT).read(given);
  if (port instanceof Wanted || name === null || protocol === null) return null;
  return {
    ...(name === undefined ? {} : { name }),
    port,
    ...(protocol === undefined ? {} : { protocol }),
  };
}

function codesOf(value: unknown): readonly number[] | null {
  const items = Array.isArray(value)
    ? value
    : typeof value === "string"
    ? value.split(",").map((item) => item.trim()).filter((item) => item !== "")
    : [value];
  const numbers = items.map((item) => parseInteger(item));
  const known = numbers.filter((one) => one !== null);
  return known.length === items.length ? known : null;
}
