/**
 * How the etcd client is set up: addresses, credentials, and a gRPC channel that
 * notices a dead peer by itself.
 *
 * etcd3's own retries and circuit breakers are off: they would hide how long a
 * call really takes, and a lease is counted in just that time.
 */
import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { Buffer } from "node:buffer";
import { Etcd3, type IOptions } from "etcd3";
import type { EtcdResolver } from "./resolver.ts";
import { allowTlsByAddress } from "./tls_by_address.ts";

/** Where etcd is and how to get in. */
export interface EtcdOptions {
  /** `http[s]://host:port`, tried in this order; at least one, or `srv`. */
  readonly endpoints: readonly string[];
  /** Domain whose SRV records name the endpoints. */
  readonly srv?: string;
  /** Stands behind the service's name in the SRV records' name. */
  readonly srvSuffix?: string;
  /** The endpoints are proxies: the members are not asked for, names not resolved. */
  readonly isProxied?: boolean;
  /** Other than the host's own. */
  readonly resolver?: EtcdResolver;
  /** Paths of PEM files; used for https endpoints only. */
  readonly tls?: EtcdTls;
  /** Asked at every call, so that a new password needs no new client; null: none. */
  readonly login?: () => EtcdLogin | null;
}

/** A user of etcd. */
export interface EtcdLogin {
  readonly username: string;
  readonly password: string;
}

/** Paths of PEM files. Without `cacert` the system's authorities are trusted. */
export interface EtcdTls {
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
}

type Policy = NonNullable<NonNullable<IOptions["faultHandling"]>["global"]>;

/**
 * etcd refuses more than one ping per 5 s (its --grpc-keepalive-min-time), and
 * any from a client that calls nothing at the time; it hangs up at the third.
 * Deno's HTTP/2 may not survive that (a segmentation fault, seen with 2.9.6).
 */
const PING_EVERY_MS = 6000;
const PING_TIMEOUT_MS = 2000;
const AUTH_TIMEOUT_MS = 2000;
/**
 * A scope has some kilobytes, one key up to 1.5 MiB. gRPC's own 4 MiB would be
 * full with three of them, and a scope that cannot be read has no leader.
 */
const ANSWER_BYTES_MAX = 64 << 20;

/**
 * A client of one endpoint.
 *
 * @throws {Error} If a TLS file cannot be read.
 */
export function etcdClient(
  endpoint: string,
  options: Pick<EtcdOptions, "tls"> & { readonly login: EtcdLogin | null },
): Etcd3 {
  const { login } = options;
  const isSecure = endpoint.startsWith("https:");
  const etcd = new Etcd3({
    hosts: endpoint,
    faultHandling: { host: () => PLAIN, global: PLAIN },
    grpcOptions: {
      "grpc.keepalive_time_ms": PING_EVERY_MS,
      "grpc.keepalive_timeout_ms": PING_TIMEOUT_MS,
      "grpc.keepalive_permit_without_calls": 0,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 1000,
      "grpc.enable_http_proxy": 0,
      "grpc.service_config_disable_resolution": 1,
      "grpc.max_receive_message_length": ANSWER_BYTES_MAX,
    },
    ...(isSecure ? { credentials: credentials(options.tls ?? {}) } : {}),
    ...(login === null ? {} : {
      auth: {
        ...login,
        callOptions: () => ({ deadline: Date.now() + AUTH_TIMEOUT_MS }),
      },
    }),
  });
  if (isSecure) allowTlsByAddress(etcd);
  return etcd;
}

/** The contents of TLS files, in the form of Node's TLS. */
export interface TlsContents {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** @throws {Error} If a file cannot be read. */
export function readTls(tls: EtcdTls): TlsContents {
  return {
    ca: tls.cacert === undefined
      ? Buffer.from(rootCertificates.join("\n"))
      : readFileSync(tls.cacert),
    ...(tls.cert === undefined ? {} : {
      cert: readFileSync(tls.cert),
      // The key may stand in the certificate's file.
      key: readFileSync(tls.key ?? tls.cert),
    }),
  };
}

function credentials(tls: EtcdTls): NonNullable<IOptions["credentials"]> {
  const { ca, cert, key } = readTls(tls);
  return {
    rootCertificate: ca,
    ...(cert === undefined || key === undefined
      ? {}
      : { certChain: cert, privateKey: key }),
  };
}

/** A policy that does nothing but call. */
const PLAIN: Policy = {
  get _altReturn(): never {
    throw new Error("Only a type, never read");
  },
  onSuccess: () => ({ dispose: () => {} }),
  onFailure: () => ({ dispose: () => {} }),
  execute: async (call) => await call({ signal: new AbortController().signal }),
};
