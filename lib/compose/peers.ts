/** Connects sections `ctl` and `restapi` with the client of other members' REST. */
import type { CtlFiles, LocalConfig } from "../config/local_config.ts";
import type {
  PeersOptions,
  PeersTls,
} from "../adapters/peers/client_options.ts";
import type { Log } from "../ports/log.ts";
import { namedCertificates, namedText } from "./named_files.ts";

/** How this member asks its peers. Source: docs/contract/configuration.md 3.13. */
export async function peersOptions(
  config: LocalConfig,
  log: Log,
): Promise<PeersOptions> {
  const { ctl } = config;
  return {
    credentials: ctl.authentication,
    askTimeoutMs: ctl.peerTimeoutMs,
    aliveTimeoutMs: Math.max(3_000, ctl.peerTimeoutMs),
    tls: await peersTls(ctl),
    log,
  };
}

/**
 * The certificates of section `ctl`, as they are now.
 *
 * @throws {ConfigError} If one cannot be read.
 */
export async function peersTls(ctl: CtlFiles): Promise<PeersTls> {
  return {
    ca: await namedCertificates({ key: "ctl.cacert", path: ctl.cacert }),
    cert: await namedCertificates({ key: "ctl.certfile", path: ctl.certfile }),
    key: await namedText({ key: "ctl.keyfile", path: ctl.keyfile }),
    passphrase: ctl.keyfilePassword,
  };
}
