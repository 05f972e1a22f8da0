/**
 * Ends clients that take too long to send their request. It looks only while one
 * is at it: node:http looks each second for ever, which is half of what an idle
 * agent is woken for.
 */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { timerMs } from "../core/base/units.ts";

/** What a client may take. */
interface SlowLimits {
  /** From the connection to the end of the head. */
  readonly headTimeoutMs: number;
  /** From the connection to the end of the body. */
  readonly requestTimeoutMs: number;
}

interface Client {
  readonly sinceMs: number;
  /** Null: its head is not complete. */
  incoming: Pick<IncomingMessage, "complete"> | null;
}

const LOOK_MS_MAX = 1_000;

/** Watches over connections until their request is here. */
export class SlowClients {
  readonly #limits: SlowLimits;
  readonly #end: (socket: Socket) => void;
  readonly #clients = new Map<Socket, Client>();
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** @param end Answers one that was too slow, and closes it. */
  constructor(limits: SlowLimits, end: (socket: Socket) => void) {
    this.#limits = limits;
    this.#end = end;
  }

  /** It has connected just now; under TLS: it may send from now on. */
  watch(socket: Socket): void {
    this.#clients.set(socket, { sinceMs: performance.now(), incoming: null });
    socket.once("close", () => this.release(socket));
    this.#rest();
  }

  /** The head of its request is here. */
  begin(incoming: Pick<IncomingMessage, "complete" | "socket">): void {
    const client = this.#clients.get(incoming.socket);
    if (client !== undefined) client.incoming = incoming;
  }

  /** It may take as long as it likes from now on. */
  release(socket: Socket): void {
    this.#clients.delete(socket);
    if (this.#clients.size > 0 || this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #rest(): void {
    const lookMs = Math.min(LOOK_MS_MAX, this.#limits.headTimeoutMs / 2);
    this.#timer ??= setTimeout(() => this.#look(), timerMs(lookMs));
  }

  #look(): void {
    this.#timer = null;
    for (const [socket, { sinceMs, incoming }] of this.#clients) {
      const { headTimeoutMs, requestTimeoutMs } = this.#limits;
      const limitMs = incoming === null ? headTimeoutMs : requestTimeoutMs;
      const isComplete = incoming?.complete === true;
      const isLate = performance.now() - sinceMs >= limitMs;
      if (isComplete || isLate) this.release(socket);
      if (!isComplete && isLate) this.#end(socket);
    }
    if (this.#clients.size > 0) this.#rest();
  }
}
