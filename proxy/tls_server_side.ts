/**
 * TLS from the proxy to a server, for clients whose own TLS ends in the proxy. It
 * is asked for by way of the inner door as by any client, so the session there
 * finds a server, or refuses, and passes the bytes on unread. Which server it is
 * the session says first; what comes before that is the proxy's own word, and
 * nothing that a server says without TLS reaches the client.
 *
 * Source: PostgreSQL 17 manual, "SSL Session Encryption".
 */
import { isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  checkServerIdentity,
  connect,
  type ConnectionOptions,
  type TLSSocket,
} from "node:tls";
import { type ByteStream, writeAll } from "./byte_stream.ts";
import { errorText } from "./error_text.ts";
import { duplexOf } from "./node_stream.ts";
import { readServerName } from "./server_name.ts";
import { errorResponse, nameRequest, tlsRequest } from "./startup.ts";
import type { ServerTls } from "./tls_port.ts";

/** A startup packet of protocol 3.0 without a user: whoever refuses answers it. */
const ANYBODY = Uint8Array.of(0, 0, 0, 9, 0, 3, 0, 0, 0);
const YES = 0x53;
const NO = 0x4e;
const ERROR = 0x45;
const ERROR_BYTES_MAX = 8_192;
/** One more than an answer has. */
const ANSWER_BYTES = 2;

/** What came of it. */
export type ServerSide =
  | { readonly kind: "secured"; readonly socket: TLSSocket }
  /** What the client is told instead. */
  | { readonly kind: "refused"; readonly error: Uint8Array };

/** How. */
interface ServerTerms {
  readonly server: ServerTls;
  /** PEM text; null: whoever answers is believed. */
  readonly authorities: string | null;
  /** Limits what a server may take; resolves when it has lasted long enough. Must not reject. */
  readonly limit: (signal: AbortSignal) => Promise<void>;
}

/**
 * Waits for a server, asks it for TLS, and waits for the handshake.
 *
 * @throws {Error} If the session of the inner door goes away.
 */
export async function securedServer(
  inner: ByteStream,
  terms: ServerTerms,
): Promise<ServerSide> {
  const asking = new Uint8Array([...nameRequest(), ...tlsRequest()]);
  await writeAll(inner, asking);
  const word = await readServerName(inner);
  if (word.kind === "none") return await ownRefusal(inner, word.first);
  const { host } = word;
  const over = new AbortController();
  const late = terms.limit(over.signal).then(() => {
    throw new Error("it takes too long");
  });
  try {
    const asked = handshake(inner, { ...terms, host });
    // Of two that fail only one is waited for.
    asked.catch(() => {});
    return { kind: "secured", socket: await Promise.race([asked, late]) };
  } catch (error) {
    return { kind: "refused", error: refusalOf(host, error) };
  } finally {
    late.catch(() => {});
    over.abort();
  }
}

function refusalOf(host: string, error: unknown): Uint8Array {
  if (error instanceof WithoutTls) {
    return errorResponse({
      code: "08006",
      message: "the server takes no TLS, which this port of the proxy asks for",
      detail: `${host}: Turn ssl on in PostgreSQL, or server_tls off in the ` +
        "proxy.",
    });
  }
  return errorResponse({
    code: "08006",
    message: "the server's TLS is not what this port of the proxy asks for",
    detail: `${host}: ${errorText(error)}`,
  });
}

/** The server has said no. */
class WithoutTls extends Error {}

/** What the session of the inner door says to a client that gets no server. */
async function ownRefusal(
  inner: ByteStream,
  first: number,
): Promise<ServerSide> {
  if (first !== NO) throw new Error("the session is over");
  await writeAll(inner, ANYBODY);
  const kept = new Uint8Array(ERROR_BYTES_MAX);
  let filled = 0;
  while (filled < kept.length) {
    const length = await inner.read(kept.subarray(filled)).catch(() => null);
    if (length === null) break;
    filled += length;
  }
  if (kept[0] !== ERROR) throw new Error("the session is over");
  return { kind: "refused", error: kept.slice(0, filled) };
}

/** @throws {Error} Why there is none. */
async function handshake(
  inner: ByteStream,
  terms: ServerTerms & { readonly host: string },
): Promise<TLSSocket> {
  await untilOffered(inner);
  const stream = duplexOf(inner);
  if (!isSocketLike(stream)) throw new Error("the server is gone");
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ socket: stream, ...checks(terms) });
  socket.once("secureConnect", resolve).once("error", reject);
  const isOver = (): void => reject(new Error("the server is gone"));
  socket.once("close", isOver);
  // A connection that is reset while nobody writes is not told otherwise.
  stream.on("error", (error) => socket.destroy(error)).once("close", isOver);
  try {
    await promise;
    socket.off("error", reject);
    return socket;
  } catch (error) {
    socket.on("error", () => {}).destroy();
    throw error;
  }
}

/**
 * The answer to the request. Whatever else a server says without TLS may be by
 * somebody in between, and is not passed on.
 */
async function untilOffered(inner: ByteStream): Promise<void> {
  const answer = new Uint8Array(ANSWER_BYTES);
  const length = await inner.read(answer).catch(() => null);
  if (length === null) {
    throw new Error("it closed the connection when it was asked for TLS");
  }
  switch (answer[0]) {
    case YES:
      if (length === 1) return;
      throw new Error("it goes on without TLS after it has agreed to TLS");
    case NO:
      throw new WithoutTls();
    case ERROR:
      throw new Error(
        "it answered with an error when it was asked for TLS; see its log",
      );
    default:
      throw new Error("what answers there is no PostgreSQL");
  }
}

function checks(
  { server: { mode, name }, authorities, host }: ServerTerms & {
    readonly host: string;
  },
): ConnectionOptions {
  const wanted = name ?? host;
  // An address is no name that could be asked for.
  const asked = isIP(wanted) === 0 ? { servername: wanted } : {};
  if (mode === "require" || authorities === null) {
    return { ...asked, rejectUnauthorized: false };
  }
  return {
    ...{ ...asked, ca: authorities, minVersion: "TLSv1.2" },
    checkServerIdentity: mode === "verify-full"
      ? (_, certificate) => checkServerIdentity(wanted, certificate)
      : () => undefined,
  };
}

/** TLS takes any duplex stream; its types name sockets only. */
function isSocketLike(stream: Duplex): stream is Socket {
  return !stream.destroyed;
}
