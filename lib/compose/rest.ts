/** Connects section `restapi` with the REST server. */
import type { LocalConfig, RestApiConfig } from "../config/local_config.ts";
import { formatHostPort } from "../config/addresses.ts";
import { Allowlist } from "../http/allowlist.ts";
import type { RestSettings } from "../http/rest_settings.ts";
import type { RestListener } from "../http/listener.ts";
import type { ServeOptions, TlsOptions } from "../http/server.ts";
import type { Log } from "../ports/log.ts";
import { descriptorsMax } from "../../proxy/descriptors.ts";
import { namedCertificates, namedText } from "./named_files.ts";

/** Of the agent itself and of its programs, while they are started. */
const OWN_DESCRIPTORS = 128;
const CONNECTIONS_MAX = 1_024;
const CONNECTIONS_MIN = 16;

/** The settings that every request reads anew. */
export async function restSettings(
  config: LocalConfig,
  log: Log,
): Promise<RestSettings> {
  const { restapi } = config;
  return {
    credentials: restapi.authentication,
    allowlist: restapi.allowlist === null
      ? null
      : await Allowlist.resolve(restapi.allowlist, log),
    isMembersAllowed: restapi.isMembersAllowed,
    isClientCertificateWanted: restapi.verifyClient !== "none",
    ownNames: [restapi.connectAddress.host, ...restapi.listen.hosts],
    isUiOn: config.isUiOn,
    serverTokens: restapi.serverTokens,
    extraHeaders: {
      ...restapi.httpExtraHeaders,
      ...(restapi.certfile === null ? {} : restapi.httpsExtraHeaders),
    },
  };
}

/** Where and how to listen. */
export async function serveOptions(
  config: LocalConfig,
  log: Log,
): Promise<ServeOptions> {
  const { restapi } = config;
  return {
    listen: { host: restapi.listen.hosts[0] ?? "", port: restapi.listen.port },
    backlog: restapi.requestQueueSize,
    tls: await tlsOptions(restapi),
    limits: { connectionsMax: connectionsFor(descriptorsMax()) },
    log,
  };
}

/**
 * How many connections `filesMax` descriptors are enough for: the agent speaks to
 * the store, to PostgreSQL and to the programs that it starts by the same.
 *
 * @param filesMax Null: unlimited or unknown.
 */
export function connectionsFor(filesMax: number | null): number {
  const free = (filesMax ?? Infinity) - OWN_DESCRIPTORS;
  const half = Math.floor(free / 2);
  return Math.min(CONNECTIONS_MAX, Math.max(CONNECTIONS_MIN, half));
}

/**
 * Gives the listener the settings of a reload.
 *
 * @throws {ListenError} If they cannot be used; it goes on as before then.
 */
export async function reloadListener(
  listener: RestListener,
  options: ServeOptions,
  log: Log,
): Promise<void> {
  const change = await listener.apply(options);
  if (change === "replaced") {
    log.info("The REST API listens anew: its settings have changed");
  }
}

/** The published URL of this member's REST API. */
export function apiUrl(restapi: RestApiConfig): string {
  const scheme = restapi.certfile === null ? "http" : "https";
  return `${scheme}://${formatHostPort(restapi.connectAddress)}/patroni`;
}

async function tlsOptions(restapi: RestApiConfig): Promise<TlsOptions | null> {
  const cert = await namedCertificates({
    key: "restapi.certfile",
    path: restapi.certfile,
  });
  if (cert === null) return null;
  return {
    cert,
    key: await namedText({ key: "restapi.keyfile", path: restapi.keyfile }),
    passphrase: restapi.keyfilePassword,
    ca: await namedCertificates({
      key: "restapi.cafile",
      path: restapi.cafile,
    }),
    ciphers: restapi.ciphers,
    verifyClient: restapi.verifyClient,
  };
}
