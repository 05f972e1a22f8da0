/**
 * The file that tells programs outside of Kubernetes how to speak with it: which
 * cluster, and as whom. Only its form is known here; nothing is read from disk.
 *
 * Source: Kubernetes' documentation, "Organizing Cluster Access Using kubeconfig
 * Files"; docs/contract/configuration.md 3.9.
 */
import { Buffer } from "node:buffer";
import { dirname, resolve } from "node:path";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import { parseYaml11 } from "../patroni/yaml_1_1.ts";
import { type KubeconfigProgram, programOf } from "./kubeconfig_program.ts";

/** A PEM text, or the file that has it. */
export type PemSource =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "file"; readonly path: string };

/** What the file says of one context. */
export interface KubeconfigAccess {
  readonly server: string;
  readonly isVerified: boolean;
  readonly ca: PemSource | null;
  readonly cert: PemSource | null;
  readonly key: PemSource | null;
  readonly token: string | null;
  readonly tokenFile: string | null;
  readonly username: string | null;
  readonly password: string;
  /** The program that logs in; null: none. */
  readonly program: KubeconfigProgram | null;
}

/** Where the text comes from, and which context is wanted. */
export interface KubeconfigPlace {
  readonly path: string;
  /** Null: `kind-kind`, or the one that is in use. */
  readonly context: string | null;
}

/** Patroni's. */
const DEFAULT_CONTEXT = "kind-kind";

/** @throws {Error} With one sentence, if the text does not say all that is needed. */
export function parseKubeconfig(
  text: string,
  place: KubeconfigPlace,
): KubeconfigAccess {
  const document = documentOf(text, place.path);
  const context = namedItem(document, "context", contextName(document, place));
  const cluster = namedItem(document, "cluster", textAt(context, "cluster"));
  const user = namedItem(document, "user", textAt(context, "user"));
  const server = textAt(cluster, "server") ?? "";
  const url = URL.parse(server);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Error(`its cluster has no server that is an URL: "${server}"`);
  }
  if (ownValue(user, "auth-provider") !== undefined) {
    throw new Error(
      'its user logs in by "auth-provider", which is not supported: use ' +
        '"exec", a token or a client certificate',
    );
  }
  const pem = (map: ConfigMap, name: string) => pemOf(map, name, place.path);
  const tokenFile = textAt(user, "tokenFile");
  return {
    server: server.replace(/\/$/, ""),
    isVerified: ownValue(cluster, "insecure-skip-tls-verify") !== true,
    ca: pem(cluster, "certificate-authority"),
    cert: pem(user, "client-certificate"),
    key: pem(user, "client-key"),
    token: textAt(user, "token"),
    tokenFile: tokenFile === null
      ? null
      : resolve(dirname(place.path), tokenFile),
    username: textAt(user, "username"),
    password: textAt(user, "password") ?? "",
    program: programOf({ user, cluster }, dirname(place.path)),
  };
}

function documentOf(text: string, path: string): ConfigMap {
  let document: unknown;
  try {
    document = parseYaml11(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${path} is no YAML: ${why.split("\n")[0]}`);
  }
  if (isConfigMap(document)) return document;
  throw new Error(`${path} is no kubeconfig`);
}

function contextName(
  document: ConfigMap,
  { context }: KubeconfigPlace,
): string | null {
  if (context !== null) return context;
  const hasDefault = itemsOf(document, "context")
    .some((item) => textAt(item, "name") === DEFAULT_CONTEXT);
  return hasDefault ? DEFAULT_CONTEXT : textAt(document, "current-context");
}

/** The contents of an item of `contexts`, `clusters` or `users`. */
function namedItem(
  document: ConfigMap,
  kind: "context" | "cluster" | "user",
  name: string | null,
): ConfigMap {
  const item = itemsOf(document, kind)
    .find((one) => textAt(one, "name") === name);
  const found = ownValue(item ?? {}, kind);
  if (name !== null && isConfigMap(found)) return found;
  throw new Error(
    name === null ? `it names no ${kind}` : `it has no ${kind} "${name}"`,
  );
}

function itemsOf(document: ConfigMap, kind: string): readonly ConfigMap[] {
  const items = ownValue(document, `${kind}s`);
  return Array.isArray(items) ? items.filter(isConfigMap) : [];
}

function pemOf(
  map: ConfigMap,
  name: string,
  path: string,
): PemSource | null {
  const data = textAt(map, `${name}-data`);
  if (data !== null) {
    return { kind: "text", text: Buffer.from(data, "base64").toString() };
  }
  const file = textAt(map, name);
  return file === null
    ? null
    : { kind: "file", path: resolve(dirname(path), file) };
}

function textAt(map: ConfigMap, name: string): string | null {
  const value = ownValue(map, name);
  return typeof value === "string" && value !== "" ? value : null;
}
