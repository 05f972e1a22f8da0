/** The address given with `-d`: it replaces the DCS section of the configuration. */
import type { ConfigMap } from "../core/calc/documents/config_merge.ts";
import { DCS_SECTIONS } from "../config/sections/dcs.ts";
import { CliError } from "./errors.ts";

/** What the address says. */
export interface DcsUrl {
  /** Name of the section, for example `etcd3`. */
  readonly kind: string;
  readonly section: ConfigMap;
  /** Null: the configuration's own. */
  readonly namespace: string | null;
}

const KIND_BY_PORT: ReadonlyMap<string, string> = new Map([
  ["2181", "zookeeper"],
  ["8181", "exhibitor"],
  ["8500", "consul"],
]);

const PORT_BY_KIND: ReadonlyMap<string, string> = new Map([
  ["zookeeper", "2181"],
  ["exhibitor", "8181"],
  ["consul", "8500"],
]);

const DEFAULT_PORT = "2379";

/**
 * Reads `[SCHEME://]HOST[:PORT][/NAMESPACE]`, or `sqlite:///PATH`.
 *
 * Without a scheme port 2379 means `etcd3`: we do not speak etcd's version 2.
 *
 * @throws {CliError} If the scheme is unknown.
 *
 * Source: docs/contract/cli.md A2.
 */
export function parseDcsUrl(text: string): DcsUrl {
  const match = /^(?:([^:/]*):\/\/)?([^/]*)(\/.*)?$/s.exec(text);
  const [scheme, address = "", path = ""] = [
    match?.[1],
    match?.[2],
    match?.[3],
  ];
  if (scheme !== undefined && !isKnown(scheme)) {
    throw new CliError(`Unknown dcs scheme: ${scheme}`);
  }
  if (scheme === "sqlite") {
    const file = decodeURIComponent(path);
    return { kind: "sqlite", section: { path: file }, namespace: null };
  }
  const split = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(address);
  const host = split?.[1] || "localhost";
  const givenPort = split?.[2] ?? "";
  const kind = scheme ?? KIND_BY_PORT.get(givenPort) ?? "etcd3";
  const port = givenPort || (PORT_BY_KIND.get(kind) ?? DEFAULT_PORT);
  const namespace = path === "" || path === "/" ? null : path;
  return { kind, section: { host: `${host}:${port}` }, namespace };
}

function isKnown(scheme: string): boolean {
  return DCS_SECTIONS.some((section) => section === scheme) &&
    scheme !== "kubernetes" && scheme !== "raft";
}
