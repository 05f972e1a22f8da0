/** The address given with `-d`: it replaces the DCS section of the configuration. */
import type { ConfigMap } from "../core/calc/documents/config_merge.ts";
import { STORES } from "../config/stores/all.ts";
import { CliError } from "./errors.ts";

/** What the address says. */
export interface DcsUrl {
  /** Name of the section, for example `etcd3`. */
  readonly kind: string;
  readonly section: ConfigMap;
  /** Null: the configuration's own. */
  readonly namespace: string | null;
}

/** The store of an address without scheme whose port says nothing. */
const DEFAULT_STORE = "etcd3";

const FORMS = STORES.flatMap(({ name, url }) =>
  url === null ? [] : [{ name, url }]
);

/**
 * Reads `[SCHEME://]HOST[:PORT][/NAMESPACE]`, or `sqlite:///PATH`.
 *
 * Without a scheme port 2379 means `etcd3`: we do not speak etcd's version 2.
 *
 * @throws {CliError} If the scheme is unknown, or options follow a "?", which
 *   would become a part of the namespace.
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
  const split = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(address);
  const port = split?.[2] ?? "";
  const named = scheme === undefined
    ? FORMS.find(({ url }) => port !== "" && url.port === port)?.name
    : scheme;
  const form = FORMS.find(({ name }) => name === (named ?? DEFAULT_STORE));
  if (form === undefined) throw new CliError(`Unknown dcs scheme: ${scheme}`);
  const { name, url } = form;
  if (url.hasNamespace && path.includes("?")) {
    throw new CliError(
      'An address takes nothing after a "?": TLS and the like stand in a ' +
        "configuration file",
    );
  }
  const hasNamespace = url.hasNamespace && path !== "" && path !== "/";
  return {
    kind: name,
    section: url.section({ host: split?.[1] || "localhost", port, path }),
    namespace: hasNamespace ? path : null,
  };
}
