/** How this member presents itself to another one's REST API, and whom it believes. */
import { Buffer } from "node:buffer";
import { privateKeyIn } from "../../core/codec/pem.ts";
import type { Log } from "../../ports/log.ts";

/** TLS material of the client, as PEM texts. */
export interface PeersTls {
  readonly ca: string | null;
  /** Chain; may contain the key. Null: no client certificate. */
  readonly cert: string | null;
  readonly key: string | null;
  readonly passphrase: string | null;
}

/** How to ask. */
export interface PeersOptions {
  /** Null: no password is sent. */
  readonly credentials:
    | { readonly username: string; readonly password: string }
    | null;
  readonly tls: PeersTls | null;
  readonly log: Log;
  /** Per member, from the dial to the last byte. */
  readonly askTimeoutMs?: number;
  readonly aliveTimeoutMs?: number;
}

/** The header with the password; none: there is no password. */
export function authorization(
  { credentials }: Pick<PeersOptions, "credentials">,
): Readonly<Record<string, string>> {
  if (credentials === null) return {};
  const { username, password } = credentials;
  const encoded = Buffer.from(`${username}:${password}`).toString("base64");
  return { "Authorization": `Basic ${encoded}` };
}

/** Without a client certificate nothing is checked, as in Patroni; with one the chain. */
export function secureOptions(
  tls: PeersTls | null,
): Readonly<Record<string, unknown>> {
  if (tls === null || tls.cert === null) return { rejectUnauthorized: false };
  return {
    cert: tls.cert,
    // A PEM file may hold the key beside the chain.
    key: tls.key ?? privateKeyIn(tls.cert) ?? tls.cert,
    ...(tls.passphrase === null ? {} : { passphrase: tls.passphrase }),
    ...(tls.ca === null ? {} : { ca: tls.ca }),
    rejectUnauthorized: true,
    checkServerIdentity: () => undefined,
  };
}
