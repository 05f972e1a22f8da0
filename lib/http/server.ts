/**
 * The listener in front of the application: node:http, or node:https where
 * certificates are configured, because only these can ask clients for
 * certificates, take HTTP/1.0 without Host, and close without a reply.
 *
 * Owns sockets and their limits. A client that is slow, silent or greedy loses
 * its connection; one that has sent its request may wait as long as it takes.
 *
 * Source: docs/contract/rest-api.md 2.1, 2.5, 3.1.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { privateKeyIn } from "../core/codec/pem.ts";
import type { Log } from "../ports/log.ts";
import { NodeBridge } from "./node_bridge.ts";
import { isPulseUpgrade } from "./pulse_gate.ts";
import type { RestApp } from "./context.ts";
import { SlowClients } from "./slow_clients.ts";
import { TIMER_MS_MAX, timerMs } from "../core/base/units.ts";

/** Certificates of the listener, as PEM texts. */
export interface TlsOptions {
  /** Chain; may contain the key as well. */
  readonly cert: string;
  /** Null: it stands in `cert`. */
  readonly key: string | null;
  readonly passphrase: string | null;
  /** Bundle that client certificates are checked against. */
  readonly ca: string | null;
  /** OpenSSL cipher string. */
  readonly ciphers: string | null;
  readonly verifyClient: "none" | "optional" | "required";
}

/** Bounds for what clients may take. */
export interface ServerLimits {
  /** A whole request head must arrive in that time, silence included. */
  readonly headTimeoutMs: number;
  /** A whole request, body included. */
  readonly requestTimeoutMs: number;
  readonly headBytesMax: number;
  /**
   * A further connection costs the oldest one that is not being served; where all
   * are, it is closed at once.
   */
  readonly connectionsMax: number;
  /** How long `close()` lets requests finish. */
  readonly closeTimeoutMs: number;
}

/** Where and how to listen. */
export interface ServeOptions {
  /** Host: name or address; empty or `*` for all addresses. Port 0: any. */
  readonly listen: { readonly host: string; readonly port: number };
  /** `restapi.request_queue_size`; smaller ones than our own do not count. */
  readonly backlog?: number;
  /** Null: plain HTTP. */
  readonly tls: TlsOptions | null;
  readonly limits?: Partial<ServerLimits>;
  readonly log: Log;
}

/** A listener that serves. */
export interface RestServer extends AsyncDisposable {
  readonly port: number;
  readonly isListening: boolean;
  /**
   * Stops listening at once, and resolves when the last request has been served:
   * it may take as long as it likes. `close()` puts a bound to it.
   */
  retire(): Promise<void>;
  /** Stops listening, lets requests finish within a bound, then ends them. */
  close(): Promise<void>;
}

const DEFAULT_LIMITS: ServerLimits = {
  headTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  headBytesMax: 16_384,
  connectionsMax: 1_024,
  closeTimeoutMs: 3_000,
};

/**
 * Patroni's default is 5: from the seventh connection of a burst on, each would
 * wait a second for the kernel's next attempt.
 */
const BACKLOG_MIN = 128;
/** Idle connections of dead hosts must not pile up. */
const KEEPALIVE_IDLE_MS = 3_000;

/** The REST API cannot listen; the message is one sentence for an operator. */
class ListenError extends Error {
  override readonly name: string = "ListenError";
}

/**
 * Listens and serves.
 *
 * @param beforeListen Called when the options have proved to be usable and
 * nothing but the port is wanted: a predecessor gives it up then.
 * @throws {ListenError} One sentence, if the address cannot be used or the
 * certificates cannot be read; the cause is attached.
 */
export async function serveRest(
  app: RestApp,
  options: ServeOptions,
  beforeListen: () => void = () => {},
): Promise<RestServer> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const bridge = new NodeBridge(app, options.log);
  const server = makeServer(options.tls, limits);
  const slow = new SlowClients(limits, (socket) => bridge.refuseLate(socket));
  const isTls = options.tls !== null;
  server.on(isTls ? "secureConnection" : "connection", (socket) => {
    slow.watch(socket);
  });
  server.on("request", (incoming, outgoing) => {
    slow.begin(incoming);
    bridge.serve(incoming, outgoing);
  });
  server.on("upgrade", (incoming, socket, early) => {
    slow.release(incoming.socket);
    // Nobody may speak before he was let pass.
    if (early.length > 0) socket.destroy();
    else bridge.upgrade(incoming, socket);
  });
  server.on("clientError", (error, socket) => {
    bridge.refuse(error, socket);
  });
  const sockets = trackSockets(server, bridge, limits.connectionsMax);
  beforeListen();
  await listen(server, options);
  // Without a listener an accept error (too many files) would end the agent.
  server.on("error", (error) => {
    options.log.warning("The REST listener had an error", { error });
  });
  const parts: ServerParts = { server, bridge, sockets, limits };
  const close = (): Promise<void> => closeServer(parts);
  return {
    port: portOf(server),
    get isListening() {
      return server.listening;
    },
    retire: () => retireServer(parts),
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface ServerParts {
  readonly server: Server;
  readonly bridge: NodeBridge;
  readonly sockets: ReadonlySet<Socket>;
  readonly limits: ServerLimits;
}

function makeServer(tls: TlsOptions | null, limits: ServerLimits): Server {
  const options = {
    requireHostHeader: false,
    // SlowClients does that; this would wake an idle agent each second.
    headersTimeout: 0,
    requestTimeout: 0,
    connectionsCheckingInterval: TIMER_MS_MAX,
    maxHeaderSize: limits.headBytesMax,
    shouldUpgradeCallback: isPulseUpgrade,
    keepAlive: true,
    keepAliveInitialDelay: KEEPALIVE_IDLE_MS,
  };
  if (tls === null) return createHttpServer(options);
  try {
    return createHttpsServer({ ...options, ...secureOptions(tls, limits) });
  } catch (error) {
    throw new ListenError(
      `Cannot use the certificates of the REST API: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

function secureOptions(
  tls: TlsOptions,
  limits: ServerLimits,
): Readonly<Record<string, unknown>> {
  // A PEM file may hold the key beside the chain.
  const key = tls.key ?? privateKeyIn(tls.cert);
  if (key === null) throw new Error("there is no private key in it");
  checkPair({ ...tls, key });
  return {
    cert: tls.cert,
    key,
    ...(tls.passphrase === null ? {} : { passphrase: tls.passphrase }),
    ...(tls.ca === null ? {} : { ca: tls.ca }),
    ...(tls.ciphers === null ? {} : { ciphers: tls.ciphers }),
    requestCert: tls.verifyClient !== "none",
    // Optional: a missing certificate passes, access.ts judges it.
    rejectUnauthorized: tls.verifyClient === "required",
    handshakeTimeout: limits.headTimeoutMs,
  };
}

/** The runtime takes any text for a certificate and fails each handshake. */
function checkPair(
  { cert, key, passphrase }: Pick<TlsOptions, "cert" | "passphrase"> & {
    readonly key: string;
  },
): void {
  const privateKey = readKey(key, passphrase);
  if (!new X509Certificate(cert).checkPrivateKey(privateKey)) {
    throw new Error("the key does not belong to the certificate");
  }
}

function readKey(
  key: string,
  passphrase: string | null,
): ReturnType<typeof createPrivateKey> {
  try {
    return createPrivateKey({
      key,
      ...(passphrase === null ? {} : { passphrase }),
    });
  } catch (cause) {
    throw new Error(
      "the key cannot be read: it is no key, keyfile_password is wrong, or " +
        "it is encrypted with something else than AES",
      { cause },
    );
  }
}

function trackSockets(
  server: Server,
  bridge: NodeBridge,
  connectionsMax: number,
): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    if (sockets.size >= connectionsMax) {
      const silent = [...sockets].find((other) => !bridge.isServing(other));
      (silent ?? socket).destroy();
      if (silent === undefined) return;
      sockets.delete(silent);
    }
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // Resets and early closes are the client's business.
    socket.on("error", () => socket.destroy());
  };
  server.on("connection", track);
  server.on("secureConnection", (socket) => {
    if (isForgedClient(socket)) socket.destroy();
  });
  return sockets;
}

/** With `verify_client: optional` a certificate may be missing, but not wrong. */
function isForgedClient(socket: Socket): boolean {
  if (!(socket instanceof TLSSocket) || socket.authorized) return false;
  return hasPeerCertificate(socket);
}

/** True if the client presented a certificate. */
function hasPeerCertificate(socket: TLSSocket): boolean {
  const certificate = socket.getPeerCertificate();
  return Object.keys(certificate ?? {}).length > 0;
}

function listen(server: Server, options: ServeOptions): Promise<void> {
  const { host, port } = options.listen;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onError = (error: Error): void => reject(listenError(error, options));
  server.once("error", onError);
  server.listen({
    port,
    ...(host === "" || host === "*" ? {} : { host }),
    backlog: Math.max(options.backlog ?? 0, BACKLOG_MIN),
  }, () => {
    server.off("error", onError);
    resolve();
  });
  return promise;
}

function listenError(error: Error, { listen }: ServeOptions): Error {
  const address = `${listen.host === "" ? "*" : listen.host}:${listen.port}`;
  const code = "code" in error ? error.code : null;
  const why = code === "EADDRINUSE"
    ? "the port is in use"
    : code === "EADDRNOTAVAIL"
    ? "this host has no such address"
    : code === "EACCES"
    ? "permission denied"
    : error.message;
  return new ListenError(
    `Cannot listen on ${address} for the REST API: ${why}`,
    {
      cause: error,
    },
  );
}

async function closeServer(parts: ServerParts): Promise<void> {
  const { server, bridge, sockets, limits } = parts;
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  bridge.endStreams();
  await bridge.drain(limits.closeTimeoutMs);
  for (const socket of [...sockets]) socket.destroy();
  await promise;
}

/** Who has connected just now may still send a request, for the usual time. */
async function retireServer(parts: ServerParts): Promise<void> {
  const { server, bridge, sockets, limits } = parts;
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  bridge.endStreams();
  const timer = setTimeout(() => {
    bridge.settled().then(() => {
      for (const socket of [...sockets]) socket.destroy();
    });
  }, timerMs(limits.headTimeoutMs));
  await promise;
  clearTimeout(timer);
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
