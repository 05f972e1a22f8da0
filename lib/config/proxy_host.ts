/**
 * What a proxy process needs of a configuration. Beside a member it is the
 * member's own file; on an application host a file with `scope`, `namespace`,
 * the DCS and `proxy` is enough, so nothing else is asked for or looked at.
 */
import * as z from "zod";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import { type HostPort, parseListen } from "./addresses.ts";
import { isAbsent, optional, required, text } from "./fields.ts";
import { modernLayout } from "./legacy.ts";
import { scopeName } from "./names.ts";
import type { DcsConfig, LogConfig, ProxyConfig } from "./local_config.ts";
import { configErrorOf, type ConfigProblem } from "./problems.ts";
import { loopbackOf } from "./seal.ts";
import {
  DCS_AVAILABLE,
  etcd3Section,
  otherStoreText,
  sqliteSection,
} from "./sections/dcs.ts";
import { logSection } from "./sections/log.ts";
import { PROXY_DEFAULTS, proxySection } from "./sections/proxy.ts";

/** The part of a configuration that a proxy uses. */
export interface ProxyHostConfig {
  readonly scope: string;
  /** Without slashes at its ends. */
  readonly namespace: string;
  readonly name: string;
  readonly log: LogConfig;
  readonly dcs: DcsConfig;
  readonly proxy: ProxyConfig;
  /** The member's data directory; null on an application host. */
  readonly dataDir: string | null;
  /** What the member's file calls the program `postgres`; null: just that. */
  readonly serverProgram: string | null;
  /** Where a sealed instance of this host takes clients; null: it is not sealed. */
  readonly sealedAddress: HostPort | null;
}

const POSTGRESQL_PORT = 5432;

const FIELDS = z.object({
  scope: required(scopeName),
  namespace: optional(text, "service"),
  name: optional(text, "proxy"),
  log: logSection,
  proxy: proxySection,
});

/**
 * The proxy's configuration of a merged document.
 *
 * @throws {ConfigError} With every problem found; nothing else is thrown.
 */
export function decodeProxyHost(document: ConfigMap): ProxyHostConfig {
  const modern = modernLayout(document);
  const fields = FIELDS.safeParse(modern);
  const dcs = decodeDcs(modern);
  const isOff = ownValue(modern, "proxy") === false;
  const dataDir = textAt(modern, ["postgresql", "data_dir"]);
  const problems = [
    ...problemsOf(fields, modern),
    ...dcs.problems,
    ...(isOff ? [OFF] : []),
    ...(fields.data?.proxy?.isSealed && dataDir === null ? [SEALED_ALONE] : []),
  ];
  if (!fields.success || dcs.config === null || problems.length > 0) {
    throw configErrorOf(problems);
  }
  const { namespace, proxy, ...rest } = fields.data;
  return {
    ...rest,
    namespace: namespace.split("/").filter(Boolean).join("/"),
    dcs: dcs.config,
    proxy: proxy ?? PROXY_DEFAULTS,
    dataDir,
    serverProgram: textAt(modern, ["postgresql", "bin_name", "postgres"]),
    sealedAddress: proxy?.isSealed ? sealedAddress(modern) : null,
  };
}

const OFF: ConfigProblem = {
  path: "proxy",
  value: false,
  wanted: "a section with ports, because a proxy is to be started",
};

const SEALED_ALONE: ConfigProblem = {
  path: "proxy.sealed",
  value: true,
  wanted: "it in the members' files, because there is no PostgreSQL here",
};

function sealedAddress(document: ConfigMap): HostPort | null {
  const text = textAt(document, ["postgresql", "listen"]) ?? "";
  const listen = parseListen(text, POSTGRESQL_PORT);
  const host = listen === null ? null : loopbackOf(listen);
  return listen === null || host === null ? null : { host, port: listen.port };
}

interface DecodedDcs {
  readonly config: DcsConfig | null;
  readonly problems: readonly ConfigProblem[];
}

function decodeDcs(document: ConfigMap): DecodedDcs {
  const name = DCS_AVAILABLE.find((key) => !isAbsent(ownValue(document, key)));
  if (name === undefined) {
    const path = DCS_AVAILABLE.join(" or ");
    const wanted = "a section etcd3 (hosts) or sqlite (path)" +
      otherStoreText(document);
    return { config: null, problems: [{ path, value: undefined, wanted }] };
  }
  const sections = { etcd3: etcd3Section, sqlite: sqliteSection };
  const result = z.object({ [name]: sections[name] }).safeParse(document);
  const config = result.success ? result.data[name] ?? null : null;
  return { config, problems: problemsOf(result, document) };
}

function problemsOf(
  result: z.ZodSafeParseResult<unknown>,
  document: ConfigMap,
): readonly ConfigProblem[] {
  if (result.success) return [];
  return result.error.issues.map(({ path, message }) => ({
    path: path.map(String).join("."),
    value: path.reduce<unknown>(
      (value, key) =>
        isConfigMap(value) ? ownValue(value, String(key)) : undefined,
      document,
    ),
    wanted: message,
  }));
}

function textAt(map: ConfigMap, path: readonly string[]): string | null {
  const value = path.reduce<unknown>(
    (at, key) => isConfigMap(at) ? ownValue(at, key) : undefined,
    map,
  );
  return typeof value === "string" ? value : null;
}
