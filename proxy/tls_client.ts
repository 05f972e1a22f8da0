/**
 * One client of a port at which the proxy ends TLS: the request for TLS (or TLS at
 * once), the handshake, and then its plain bytes to the inner door of the kind of
 * servers that its name leads to. There it is a client like all others.
 *
 * Source: PostgreSQL 17 manual, "SSL Session Encryption".
 */
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type SecureContext, TLSSocket } from "node:tls";
import { type ByteStream, writeAll } from "./byte_stream.ts";
import type { Route } from "./doors.ts";
import type { EarlyReader } from "./early_reader.ts";
import { duplexOf } from "./node_stream.ts";
import { errorResponse } from "./startup.ts";
import { certificateFor, type TlsPort } from "./tls_port.ts";

const PACKET_BYTES = 8;
const GSSENC_REQUEST = 80877104;
const TLS_HANDSHAKE = 0x16;
/** What a client of TLS at once has to speak. Source: as above, "ALPN". */
const PROTOCOL = "postgresql";
const YES = new TextEncoder().encode("S");
const NO = new TextEncoder().encode("N");

const TLS_ONLY = errorResponse({
  code: "28000",
  message: "this port of the proxy takes TLS connections only",
  detail: "Connect with sslmode=require, or better verify-full.",
});

/** What a client wants, as far as it says without TLS. */
export type Wish =
  /** TLS is next, after a request or at once. */
  | "asked"
  | "direct"
  /** A cancel request, which clients before PostgreSQL 17 send without TLS. */
  | "cancel"
  | "plain"
  | "gone"
  | "garbage";

/** Hears what a client wants, and says yes to TLS. */
export async function wishOf(client: EarlyReader): Promise<Wish> {
  // Encryption by GSSAPI may be asked for before TLS, once.
  for (let asked = 0; asked < 2; asked++) {
    const opening = await client.opening();
    if (opening === "startup") return "plain";
    if (opening === "hop" || opening === "name") return "garbage";
    if (opening !== "encryption") return opening;
    const { ahead } = client;
    if (ahead[0] === TLS_HANDSHAKE) return "direct";
    const view = new DataView(ahead.buffer, ahead.byteOffset, ahead.length);
    const isGss = view.getUint32(4) === GSSENC_REQUEST;
    client.skip(PACKET_BYTES);
    // Whoever speaks before the answer would have plain bytes taken for its own.
    if (client.ahead.length > 0) return "garbage";
    await writeAll(client, isGss ? NO : YES);
    if (!isGss) return "asked";
  }
  return "garbage";
}

/** Tells a client without TLS that it needs it. */
export async function refusePlain(client: ByteStream): Promise<void> {
  await writeAll(client, TLS_ONLY);
  await client.closeWrite();
  // The client's own end: closing before it could discard the error.
  await client.read(new Uint8Array(64));
}

/** A client inside TLS. */
export interface SecureClient {
  readonly socket: TLSSocket;
  /** Where it goes in. */
  readonly door: Route;
}

/** How the handshake is to be. */
interface HandshakeTerms {
  readonly port: TlsPort;
  readonly wish: "asked" | "direct";
  readonly contextAt: (certificate: number) => SecureContext | undefined;
  /** Gives it up. */
  readonly signal: AbortSignal;
}

/**
 * The handshake; the caller limits its time.
 *
 * @throws {Error} If there is none.
 */
export async function secured(
  client: ByteStream,
  { port, wish, contextAt, signal }: HandshakeTerms,
): Promise<SecureClient> {
  let chosen = 0;
  const usual = contextAt(0);
  const stream = duplexOf(client);
  if (!isSocketLike(stream)) throw new Error("the client is gone");
  const socket = new TLSSocket(stream, {
    isServer: true,
    ...(usual === undefined ? {} : { secureContext: usual }),
    ALPNProtocols: [PROTOCOL],
    SNICallback: (name, done) => {
      chosen = certificateFor(port, name);
      done(null, contextAt(chosen));
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const isOver = (): void => reject(new Error("the client is gone"));
  // A connection that is reset while nobody writes is not told otherwise.
  stream.on("error", (error) => socket.destroy(error)).once("close", isOver);
  signal.addEventListener("abort", isOver, { once: true });
  if (signal.aborted) isOver();
  socket.once("secure", resolve).once("error", reject).once("close", isOver);
  try {
    await promise;
    if (wish === "direct" && socket.alpnProtocol !== PROTOCOL) {
      throw new Error("the client does not say that it speaks postgresql");
    }
  } catch (error) {
    // Whatever else goes wrong with it is of no interest any more.
    socket.on("error", () => {}).destroy();
    stream.destroy();
    throw error;
  } finally {
    stream.off("close", isOver);
    signal.removeEventListener("abort", isOver);
  }
  socket.off("close", isOver).off("error", reject);
  const door = port.certificates[chosen]?.door ?? port.door;
  return { socket, door };
}

/** TLS takes any duplex stream; its types name sockets only. */
function isSocketLike(stream: Duplex): stream is Socket {
  return !stream.destroyed;
}

/**
 * A connection to an inner door.
 *
 * @throws {Error} If there is none.
 */
export async function innerTo(path: string): Promise<Socket> {
  const inner = connect({ path, allowHalfOpen: true });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  inner.once("connect", resolve).once("error", reject);
  await promise;
  inner.off("error", reject);
  return inner;
}

/** Tells a client inside TLS why it cannot be served, within `linger`. */
export async function told(
  client: TLSSocket,
  { error, linger }: {
    readonly error: Uint8Array;
    readonly linger: (signal: AbortSignal) => Promise<void>;
  },
): Promise<void> {
  const over = new AbortController();
  if (client.destroyed) return;
  const closed = new Promise<void>((resolve) =>
    client.once("close", () => resolve())
  );
  client.on("error", () => {}).end(error);
  // The client's own end: closing before it could discard the error.
  client.resume();
  await Promise.race([closed, linger(over.signal)]);
  over.abort();
}

/**
 * Passes bytes on, both ways, until both have ended; `signal` ends it at once.
 *
 * @param linger Called when the inner one is closed, so that a client that takes
 *   nothing any more is not waited for; resolves when that is so. Must not reject.
 */
export async function joined(
  client: TLSSocket,
  inner: Duplex,
  { linger, signal }: {
    readonly linger: (signal: AbortSignal) => Promise<void>;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const over = new AbortController();
  // One may be closed already: it went away right after its handshake.
  const closed = (stream: Duplex): Promise<void> =>
    new Promise((resolve) => {
      if (stream.closed) resolve();
      else stream.once("close", () => resolve());
    });
  const both = Promise.all([closed(client), closed(inner)]);
  const end = (): void => {
    client.destroy();
    inner.destroy();
  };
  // A close follows each error.
  client.on("error", () => inner.destroy());
  inner.on("error", () => client.destroy());
  client.once("close", () => inner.destroy());
  inner.once("close", () => {
    client.end();
    linger(over.signal).then(() => client.destroy());
  });
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted || client.destroyed || inner.destroyed) end();
  client.pipe(inner);
  inner.pipe(client);
  await both;
  over.abort();
  signal.removeEventListener("abort", end);
}
