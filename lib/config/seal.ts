/**
 * What `proxy.sealed` asks of the rest of a configuration: a loopback address
 * for the proxy beside the instance, a proxy that other hosts reach, and lines
 * of pg_hba.conf that let clients in from nowhere else.
 */
import { isIP } from "node:net";
import {
  letsProxyIn,
  sealBreach,
  wantedInSeal,
} from "../core/calc/host/hba_seal.ts";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import { hbaRules } from "../core/codec/hba_line.ts";
import type { ListenAddress } from "./addresses.ts";
import type { ConfigProblem, ConfigWarning } from "./problems.ts";
import { roleKeys } from "./role_settings.ts";
import type {
  AuthenticationConfig,
  PostgresqlConfig,
} from "./sections/postgresql.ts";
import type { ProxyConfig } from "./sections/proxy.ts";

/** The sections that the seal is about. */
export interface SealedParts {
  readonly proxy: ProxyConfig | null;
  readonly postgresql: PostgresqlConfig;
}

/** Where lines of pg_hba.conf may stand in a member's file. */
const HBA_KEYS = ["pg_hba", ...roleKeys("pg_hba")];
const HBA_PATHS = [
  ...HBA_KEYS.map((key) => `postgresql.${key}`),
  "bootstrap.pg_hba",
  ...HBA_KEYS.map((key) => `bootstrap.dcs.postgresql.${key}`),
];
const ANY_ADDRESS: ReadonlySet<string> = new Set(["*", "0.0.0.0", "::"]);

/**
 * The loopback address among those that PostgreSQL listens on, null if there is
 * none. IPv4 where both can be had.
 */
export function loopbackOf({ hosts }: ListenAddress): string | null {
  const isWide = hosts.some((host) =>
    host === "*" || host === "0.0.0.0" || host === "localhost"
  );
  if (isWide) return "127.0.0.1";
  const v4 = hosts.find((host) => isIP(host) === 4 && host.startsWith("127."));
  return v4 ??
    (hosts.some((host) => host === "::" || host === "::1") ? "::1" : null);
}

/** The agents' users, who connect to other members' instances. */
export function agentUsers(
  { superuser, replication, rewind }: AuthenticationConfig,
): readonly string[] {
  return [superuser, replication, rewind]
    .flatMap((role) => role?.username ?? []);
}

/** A problem for each line that would break the seal. */
export function sealedLines(
  lines: readonly unknown[],
  path: string,
  agents: readonly string[],
): readonly ConfigProblem[] {
  const breaches = new Map(
    hbaRules(lines.map(String)).flatMap(({ rule, at }) => {
      const breach = sealBreach(rule, agents);
      return breach === null ? [] : [[at, breach] as const];
    }).reverse(),
  );
  return lines.flatMap((value, at) => {
    const breach = breaches.get(at);
    if (breach === undefined) return [];
    const wanted = wantedInSeal(breach, agents);
    return [{ path: `${path}.${at}`, value, wanted }];
  });
}

/** Everything that keeps a sealed member from working as such. */
export function sealProblems(
  document: ConfigMap,
  { proxy, postgresql }: SealedParts,
): readonly ConfigProblem[] {
  if (proxy === null || !proxy.isSealed) return [];
  const { listen, connectAddress, authentication } = postgresql;
  const problems: ConfigProblem[] = [];
  if (loopbackOf(listen) === null) {
    problems.push({
      path: "postgresql.listen",
      value: ownValue(sectionAt(document, ["postgresql"]), "listen"),
      wanted: "127.0.0.1 among the addresses, because with proxy.sealed " +
        "clients come from there",
    });
  }
  const isReached = isIP(connectAddress.host) === 0 ||
    proxy.listen.some((host) =>
      ANY_ADDRESS.has(host) || host === connectAddress.host
    );
  if (!isReached) {
    problems.push({
      path: "proxy.listen",
      value: proxy.listen.join(","),
      wanted: `${connectAddress.host} among the addresses, because with ` +
        "proxy.sealed the proxies of other hosts connect there",
    });
  }
  const agents = agentUsers(authentication);
  const lines = HBA_PATHS.flatMap((path) =>
    sealedLines(linesAt(document, path), path, agents)
  );
  return [...problems, ...lines];
}

/** What a sealed member's author may have forgotten. */
export function sealWarnings(
  document: ConfigMap,
  { proxy }: SealedParts,
): readonly ConfigWarning[] {
  if (proxy === null || !proxy.isSealed) return [];
  const given = HBA_PATHS.filter((path) => linesAt(document, path).length > 0);
  const shut = given.filter((path) => path !== "bootstrap.pg_hba")
    .filter((path) =>
      !hbaRules(linesAt(document, path).map(String))
        .some(({ rule }) => letsProxyIn(rule))
    ).map((path) => ({
      path,
      text: `${path} lets nobody in from 127.0.0.1, which is where all ` +
        "clients come from with proxy.sealed",
    }));
  if (given.length > shut.length || shut.length > 0) return shut;
  const text = "proxy.sealed without postgresql.pg_hba: lines that initdb " +
    "writes let everybody in from 127.0.0.1 without a password";
  return [{ path: "postgresql.pg_hba", text }];
}

function linesAt(document: ConfigMap, path: string): readonly unknown[] {
  const keys = path.split(".");
  const value = ownValue(
    sectionAt(document, keys.slice(0, -1)),
    keys.at(-1) ?? "",
  );
  return Array.isArray(value) ? value : [];
}

function sectionAt(document: ConfigMap, keys: readonly string[]): ConfigMap {
  return keys.reduce<ConfigMap>((map, key) => {
    const value = ownValue(map, key);
    return isConfigMap(value) ? value : {};
  }, document);
}
