/**
 * The DCS sections that this program can use: `etcd3` and our `sqlite`.
 *
 * Source: docs/contract/configuration.md 3.5, 3.7; Patroni 4.1.4 `etcd.py`, the order of proxy, url,
 * hosts and host.
 */
import type * as z from "zod";
import type { ConfigMap } from "../../core/calc/documents/config_merge.ts";
import { formatHostPort, parseHostPort, parsePort } from "../addresses.ts";
import {
  flag,
  mapped,
  oneOf,
  optional,
  optionalText,
  port,
  type Read,
  required,
  requiredSection,
  text,
  textListOrCommas,
  Wanted,
} from "../fields.ts";
import type { Etcd3Config, SqliteConfig } from "../local_config.ts";

/** Every DCS section that Patroni knows, and ours. */
export const DCS_SECTIONS = [
  "consul",
  "etcd",
  "etcd3",
  "exhibitor",
  "kubernetes",
  "raft",
  "sqlite",
  "zookeeper",
] as const;

/** The DCS sections that this program can use, in order of preference. */
export const DCS_AVAILABLE = ["etcd3", "sqlite"] as const;

/** `; section etcd ...` about a store that is configured and that nobody can use; else empty. */
export function otherStoreText(document: ConfigMap): string {
  const other = DCS_SECTIONS.find((key) => Object.hasOwn(document, key));
  if (other === undefined) return "";
  const text = `; section ${other} names a store that this program can not use`;
  return other === "etcd"
    ? `${text}: use etcd3, which has the same keys. A cluster that lives in ` +
      "etcd's v2 store has to move to etcd3 first"
    : text;
}

/** Keys of `etcd3` of which one must be there. */
export const ETCD3_ENDPOINT_KEYS = ["host", "hosts", "srv", "url", "proxy"];

const DEFAULT_PORT = 2379;

/** A URL's endpoint and the credentials inside it. */
interface EndpointUrl {
  readonly endpoint: string;
  readonly username: string | null;
  readonly password: string | null;
}

const readUrl: Read<EndpointUrl> = mapped(
  text,
  (value) => endpointUrl(value) ?? new Wanted("http[s]://HOST[:PORT]"),
);

const readHost: Read<string> = mapped(text, checkedHost);

const readHosts: Read<readonly string[]> = mapped(textListOrCommas, (hosts) => {
  const isEach = hosts.every((host) => !(checkedHost(host) instanceof Wanted));
  return hosts.length > 0 && isEach
    ? hosts
    : new Wanted("a list of HOST[:PORT]");
});

/** Schema of the section `etcd3`. */
export const etcd3Section: z.ZodType<Etcd3Config> = requiredSection({
  proxy: optionalOrEmpty(readUrl),
  url: optionalOrEmpty(readUrl),
  hosts: optionalOrEmpty(readHosts),
  host: optionalOrEmpty(readHost),
  port: optionalOrEmpty(port),
  srv: optionalText(),
  discovery_srv: optionalText(),
  srv_domain: optionalText(),
  srv_suffix: optionalText(),
  protocol: optionalOrEmpty(oneOf(["http", "https"])),
  use_proxies: flag(),
  username: optionalText(),
  password: optionalText(),
  cacert: optionalText(),
  cert: optionalText(),
  key: optionalText(),
}).transform((raw): Etcd3Config => {
  const url = raw.proxy ?? raw.url;
  const srv = raw.srv ?? raw.discovery_srv ?? raw.srv_domain;
  const hosts = raw.hosts ?? (raw.host === null ? [] : [raw.host]);
  const isSrvUsed = raw.proxy === null && srv !== null;
  const listed = url !== null ? [url.endpoint] : hosts.map((host) => {
    const address = parseHostPort(host, raw.port ?? DEFAULT_PORT);
    const where = address === null ? host : formatHostPort(address);
    return `${raw.protocol ?? "http"}://${where}`;
  });
  return {
    kind: "etcd3",
    endpoints: isSrvUsed ? [] : listed,
    isProxied: raw.proxy !== null || raw.use_proxies,
    srv: isSrvUsed ? srv : null,
    srvSuffix: raw.srv_suffix,
    username: url?.username ?? raw.username,
    password: url?.username ? url.password : raw.password,
    cacert: raw.cacert,
    cert: raw.cert,
    key: raw.key,
  };
});

/** Schema of the section `sqlite`. */
export const sqliteSection: z.ZodType<SqliteConfig> = requiredSection({
  path: required(text),
}).transform((raw): SqliteConfig => ({ kind: "sqlite", path: raw.path }));

/** Empty environment variables leave empty texts in DCS sections. */
function optionalOrEmpty<T>(read: Read<T>): z.ZodType<T | null> {
  return optional<T | null, null>(
    (value) => value === "" ? null : read(value),
    null,
  );
}

function checkedHost(host: string): string | Wanted {
  return parseHostPort(host, DEFAULT_PORT) === null
    ? new Wanted("HOST[:PORT]")
    : host;
}

function endpointUrl(value: string): EndpointUrl | null {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol)) return null;
  if (url.hostname === "") return null;
  const username = decoded(url.username);
  const password = decoded(url.password);
  if (username === null || password === null) return null;
  return {
    endpoint: `${url.protocol}//${url.hostname}:${portOf(value, url)}`,
    username: username || null,
    password: password || null,
  };
}

/** URL drops the scheme's own port, which is not etcd's default. */
function portOf(value: string, url: URL): number {
  const given = parsePort(url.port);
  if (given !== null) return given;
  const isWritten = /:(?:80|443)\/?$/.test(value);
  if (!isWritten) return DEFAULT_PORT;
  return url.protocol === "https:" ? 443 : 80;
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
