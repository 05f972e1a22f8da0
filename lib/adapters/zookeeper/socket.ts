/**
 * A TCP or TLS connection as a stream of frames. It only moves bytes: what they
 * mean is `connection.ts`'s business.
 */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { timerMs } from "../../core/base/units.ts";
import { ConnectionError, StrangerError, textOf } from "./errors.ts";
import { FrameSplitter } from "./frames.ts";
import { WireError } from "./jute.ts";
import type { HostPort } from "./options.ts";
import type { TlsContents } from "./tls.ts";

/** The first answer is smaller than this; a stranger's bytes, read as a length, are more. */
const FIRST_LENGTH_MAX = 4096;
/** A scope has some kilobytes, one node up to a megabyte. */
const LENGTH_MAX = 16 << 20;
/** Nobody waits longer for the other side to take leave. */
const FINISH_MS = 300;
const CLOSED = "the client is closed";

/** Where to, and until when. */
export interface SocketOptions {
  readonly address: HostPort;
  /** Null: none. */
  readonly tls: TlsContents | null;
  readonly timeoutMs: number;
  /** Ends it at any time. */
  readonly signal: AbortSignal;
}

/** What becomes of a socket. */
export interface SocketEvents {
  onFrame(frame: Uint8Array): void;
  /** It is over, for that reason; told once, nothing comes after it. */
  onEnd(error: ConnectionError | StrangerError): void;
}

/** One connection to one server. */
export class FrameSocket {
  readonly #socket: Socket;
  readonly #splitter = new FrameSplitter();
  #events: SocketEvents | null = null;
  #hasAnswered = false;
  #hasEnded = false;

  private constructor(socket: Socket, signal: AbortSignal) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("error", (error: unknown) => this.end(textOf(error)));
    const abort = (): void => this.end(CLOSED);
    signal.addEventListener("abort", abort, { once: true });
    socket.on("close", () => {
      signal.removeEventListener("abort", abort);
      this.end("it closed the connection");
    });
  }

  /** @throws {ConnectionError} If there is no connection in time. */
  static open(options: SocketOptions): Promise<FrameSocket> {
    const { address: { host, port }, tls, timeoutMs, signal } = options;
    return new Promise((resolve, reject) => {
      const socket = tls === null ? connectTcp({ host, port }) : connectTls({
        ...{ host, port, ...tls },
        ...(isIP(host) === 0 ? { servername: host } : {}),
      });
      const fail = (why: string): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        // An error that comes later has nobody to go to.
        socket.on("error", () => {});
        socket.destroy();
        reject(new ConnectionError(why));
      };
      const onError = (error: unknown): void => fail(textOf(error));
      const onClose = (): void => fail("it closed the connection");
      const onAbort = (): void => fail(CLOSED);
      const timer = setTimeout(() => fail("no answer"), timerMs(timeoutMs));
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) return onAbort();
      socket.once("error", onError);
      socket.once("close", onClose);
      socket.once(tls === null ? "connect" : "secureConnect", () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        socket.off("error", onError);
        socket.off("close", onClose);
        resolve(new FrameSocket(socket, signal));
      });
    });
  }

  /** From now on tells what comes. */
  listen(events: SocketEvents): void {
    this.#events = events;
    this.#socket.on("data", (chunk: Uint8Array) => this.#take(chunk));
  }

  send(frame: Uint8Array): void {
    if (!this.#hasEnded) this.#socket.write(frame);
  }

  /** Closes at once. */
  end(why: string): void {
    this.#endWith(new ConnectionError(why));
  }

  /** Closes when all that was sent has gone, or soon. */
  finish(why: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#socket.end();
    const socket = this.#socket;
    const timer = setTimeout(() => socket.destroy(), FINISH_MS);
    socket.once("close", () => clearTimeout(timer));
    this.#events?.onEnd(new ConnectionError(why));
  }

  #endWith(error: ConnectionError | StrangerError): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#socket.destroy();
    this.#events?.onEnd(error);
  }

  #take(chunk: Uint8Array): void {
    try {
      const lengthMax = this.#hasAnswered ? LENGTH_MAX : FIRST_LENGTH_MAX;
      for (const frame of this.#splitter.push(chunk, lengthMax)) {
        if (!this.#hasEnded) this.#events?.onFrame(frame);
        this.#hasAnswered = true;
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#endWith(
        this.#hasAnswered
          ? new ConnectionError(`it sent ${error.message}`)
          : new StrangerError("no frame of its protocol"),
      );
    }
  }
}
