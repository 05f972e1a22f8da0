/** All keys: of the local configuration, in the order of Patroni's validation, and of the dynamic one. */
import { memberName, scopeName } from "../names.ts";
import { bootstrap, BOOTSTRAP_KEYS } from "../sections/bootstrap.ts";
import { certificates, CERTIFICATES_KEYS } from "../sections/certificates.ts";
import { clusters } from "../sections/clusters.ts";
import { DYNAMIC_KEYS } from "../sections/dynamic.ts";
import { LOG_KEYS } from "../sections/log.ts";
import { notify } from "../sections/notify.ts";
import { SETTINGS_KEYS } from "../sections/postgres_settings.ts";
import { fencing, FENCING_KEYS } from "../sections/fencing.ts";
import { POOLER_KEYS } from "../sections/pooler.ts";
import { postgresql, POSTGRESQL_KEYS } from "../sections/postgresql.ts";
import { proxy, PROXY_KEYS } from "../sections/proxy.ts";
import { CTL_KEYS, RESTAPI_KEYS } from "../sections/restapi.ts";
import { checkTagPairs, tags, TAGS_KEYS } from "../sections/tags.ts";
import { uiProxies } from "../sections/ui_proxies.ts";
import { vip } from "../sections/vip.ts";
import { watchdog, WATCHDOG_KEYS } from "../sections/watchdog.ts";
import { STORES } from "../stores/all.ts";
import { both, string } from "../validate/checks.ts";
import { postgresqlCheck } from "../validate/postgresql_check.ts";
import { checkOf } from "./check.ts";
import {
  type Key,
  type KeyApply,
  type KeyLayer,
  type KeyMap,
  section,
} from "./key.ts";
import {
  anything,
  count,
  flag,
  text,
  unchecked,
  unusedInteger,
} from "./types.ts";

/** The keys that stand before the store in Patroni's validation. */
export const FIRST_KEYS = {
  name: {
    type: memberName,
    isRequired: true,
    check: string,
    meaning:
      "Name of the member, unique in the cluster: ASCII, at most 63 bytes, " +
      "without / and comma",
  },
  scope: {
    type: scopeName,
    isRequired: true,
    check: string,
    meaning: "Name of the cluster, without /; also cluster_name in PostgreSQL",
  },
  namespace: {
    type: unchecked(text),
    fallback: "service",
    meaning: "First part of the path of all keys in the DCS",
  },
  thread_pool_size: {
    type: unusedInteger({ min: 5 }),
    field: null,
    fallback: 5,
    variable: "text",
    meaning: "Accepted; there are no threads",
  },
  thread_stack_size: {
    type: unusedInteger({ min: 65_536, unit: "B" }),
    field: null,
    fallback: "512kB",
    variable: "text",
    meaning: "Accepted; there are no threads",
  },
  log: {
    type: section(LOG_KEYS),
    keys: LOG_KEYS,
    fallback: {},
    apply: "reload",
  },
  ctl: {
    type: section(CTL_KEYS),
    keys: CTL_KEYS,
    fallback: {},
    apply: "reload",
  },
  restapi: {
    type: section(RESTAPI_KEYS),
    keys: RESTAPI_KEYS,
    isRequired: true,
    apply: "reload",
  },
  bootstrap: {
    type: bootstrap,
    keys: BOOTSTRAP_KEYS,
    layer: "bootstrap",
    apply: "once",
    variable: false,
  },
} as const satisfies KeyMap;

/** Those that stand after it. */
export const LAST_KEYS = {
  postgresql: {
    type: postgresql,
    keys: { ...POSTGRESQL_KEYS, ...SETTINGS_KEYS },
    isRequired: true,
    check: postgresqlCheck,
    apply: "reload",
  },
  watchdog: {
    type: watchdog,
    keys: WATCHDOG_KEYS,
    fallback: {},
    apply: "reload",
    variable: false,
  },
  tags: {
    type: tags,
    keys: TAGS_KEYS,
    fallback: {},
    check: both(checkTagPairs, checkOf(TAGS_KEYS)),
    apply: "reload",
    variable: false,
  },
  proxy: {
    type: proxy,
    keys: PROXY_KEYS,
    fallback: {},
    check: null,
    apply: "reload",
    variable: false,
  },
  fencing: {
    type: fencing,
    keys: FENCING_KEYS,
    fallback: {},
    check: null,
    apply: "reload",
    variable: false,
  },
  pooler: {
    type: section(POOLER_KEYS),
    keys: POOLER_KEYS,
    fallback: {},
    check: null,
    apply: "reload",
    variable: false,
  },
  vip: {
    type: vip,
    fallback: [],
    variable: false,
    apply: "reload",
    meaning:
      "Ours: virtual addresses, each with address, interface, role and more",
  },
  ui: {
    type: flag,
    field: "isUiOn",
    fallback: true,
    variable: false,
    apply: "reload",
    meaning:
      "Ours: the cluster page, `/ui` on the ports of REST and of statistics; " +
      "off: there is none",
  },
  ui_proxies: {
    type: uiProxies,
    field: "uiProxies",
    fallback: [],
    variable: false,
    apply: "reload",
    meaning: "Ours: statistics ports of stand-alone proxies, as " +
      "`http://app1:7000`, which the cluster page of this member shows",
  },
  notify: {
    type: notify,
    fallback: [],
    variable: false,
    apply: "reload",
    meaning:
      "Ours: who is told by an HTTP POST, each with url, events, secret and more",
  },
  clusters: {
    type: clusters,
    field: null,
    otherwise: "the one of scope",
    variable: false,
    apply: "reload",
    meaning: "Ours: the clusters of one stand-alone proxy, each with scope, " +
      "proxy (its ports) and more, laid over the rest of the file",
  },
  certificates: {
    type: certificates,
    keys: CERTIFICATES_KEYS,
    fallback: {},
    check: null,
    apply: "reload",
    variable: false,
  },
} as const satisfies KeyMap;

/** Citus is not supported; its keys are no mistakes. */
const CITUS_KEYS: KeyMap = {
  database: { type: text, isExpected: true, suffix: "text" },
  group: { type: count, isExpected: true, suffix: "text" },
};

/** Files have it here too; it is set for the whole scope. */
const SHARED: Key = { type: anything, layer: "dynamic", variable: false };

/** The stores, and what stands after them. */
export const LATER_KEYS: KeyMap = {
  ...Object.fromEntries(
    STORES.map(({ name, keys, check }) => [
      name,
      { type: anything, keys, check, variable: false },
    ]),
  ),
  citus: { type: anything, keys: CITUS_KEYS, variable: false },
  ...LAST_KEYS,
};

/** Every key that a local configuration may have. */
export const LOCAL_KEYS: KeyMap = {
  ...FIRST_KEYS,
  ...LATER_KEYS,
  ttl: SHARED,
  loop_wait: SHARED,
  retry_timeout: SHARED,
  standby_cluster: SHARED,
};

/** A key at its place, with what it has from its section. */
export interface PlacedKey {
  /** Dotted. */
  readonly path: string;
  readonly key: Key;
  readonly layer: KeyLayer;
  readonly apply: KeyApply;
  /** The variable that sets it, after `PATRONI_`; null: there is none. */
  readonly variable: string | null;
  /** Whether it is part of a documented key. */
  readonly isPart: boolean;
}

/** All keys of the local configuration, sections too. */
export const LOCAL_PLACES: readonly PlacedKey[] = placed(LOCAL_KEYS, {
  path: "",
  layer: "local",
  apply: "agent",
  hasVariables: true,
  prefix: "",
  isPart: false,
});

/** All keys of the dynamic configuration. */
export const DYNAMIC_PLACES: readonly PlacedKey[] = placed(DYNAMIC_KEYS, {
  path: "",
  layer: "dynamic",
  apply: "reload",
  hasVariables: false,
  prefix: "",
  isPart: false,
});

/** What keys below a section have, unless they say other things. */
interface Surrounding {
  readonly path: string;
  readonly layer: KeyLayer;
  readonly apply: KeyApply;
  readonly hasVariables: boolean;
  readonly prefix: string;
  readonly isPart: boolean;
}

function placed(keys: KeyMap, around: Surrounding): PlacedKey[] {
  return Object.entries(keys).flatMap(([name, key]) => {
    const at = {
      path: joined(around.path, ".", name),
      layer: key.layer ?? around.layer,
      apply: key.apply ?? around.apply,
      hasVariables: key.variable === undefined
        ? around.hasVariables
        : key.variable !== false,
      prefix: key.prefix ?? joined(around.prefix, "_", name.toUpperCase()),
      isPart: around.isPart,
    };
    const { path, layer, apply, isPart } = at;
    const variable = at.hasVariables && key.keys === undefined
      ? at.prefix
      : null;
    // The keys of `bootstrap.dcs` have places of their own.
    const below = key.keys === DYNAMIC_KEYS ? {} : key.keys ?? {};
    const isPartBelow = isPart || key.meaning !== undefined;
    return [
      { path, key, layer, apply, variable, isPart },
      ...placed(below, { ...at, isPart: isPartBelow }),
    ];
  });
}

function joined(before: string, separator: string, name: string): string {
  return before === "" ? name : `${before}${separator}${name}`;
}
