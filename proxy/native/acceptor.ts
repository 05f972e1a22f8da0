/**
 * Accepts clients for all worker threads. Each thread watches the same listening
 * sockets (the kernel wakes one of them per client); who accepts gives the client
 * to the thread with the fewest, through that thread's inbox. So few clients are
 * spread as evenly as many, which SO_REUSEPORT's hashing does not do.
 */
import type { Log } from "../../lib/ports/log.ts";
import type { Sessions } from "../sessions.ts";
import type { Route } from "../doors.ts";
import type { Ledger } from "../ledger.ts";
import type { EventLoop } from "./event_loop.ts";
import { ERRNO, FLAG, type Libc, READY } from "./libc.ts";
import type { ConnectionEnds } from "../proxy_header.ts";
import {
  connectionEnds,
  NetSocket,
  peerAddress,
  type SocketWorld,
} from "./net_socket.ts";

/** At most so many in one go, so that sessions get their turn. */
const ACCEPTS_MAX = 16;
const FAILED_PAUSE_MS = 100;
const FAILED_LOG_MS = 10_000;
/** A client in an inbox: descriptor and route, 32 bits each. */
const INBOX_WORDS = 2;
const INBOX_READ = 64;

/** A socket that listens, shared by all threads of the process. */
export interface SharedListener {
  readonly route: Route;
  readonly fd: number;
  /** Clients come from control, which has ended their TLS; also when the doors are closed. */
  readonly isInner: boolean;
}

/** What it is made of. */
interface AcceptorParts extends SocketWorld {
  readonly log: Log;
  readonly sessions: Sessions;
  readonly ledger: Ledger;
  readonly listeners: readonly SharedListener[];
  /** This thread's number. */
  readonly self: number;
  /** Of every thread, where clients for it are written to. */
  readonly inboxes: readonly number[];
  /** Where this thread reads them. */
  readonly inbox: number;
}

interface OpenListener extends SharedListener {
  token: number | null;
}

/** Accepts clients and gives each to the thread with the fewest. */
export class Acceptor {
  readonly #parts: AcceptorParts;
  readonly #libc: Libc;
  readonly #loop: EventLoop;
  readonly #listeners: readonly OpenListener[];
  readonly #inboxToken: number;
  #loggedAtMs = -Infinity;
  #isClosed = false;

  constructor(parts: AcceptorParts) {
    this.#parts = parts;
    this.#libc = parts.libc;
    this.#loop = parts.loop;
    this.#listeners = parts.listeners.map((one) => ({ ...one, token: null }));
    this.#inboxToken = this.#loop.watch(parts.inbox, READY.in, {
      onReady: () => this.#afterMail(() => this.#readInbox()),
    });
  }

  /** Begins to accept; may be said again. */
  openDoors(): void {
    for (const listener of this.#listeners) this.#open(listener);
  }

  /** Takes those that have connected already, and then no more. */
  closeDoors(): void {
    if (this.#isClosed) return;
    this.#readInbox();
    for (const listener of this.#listeners) {
      this.#acceptSome(listener, Infinity);
    }
    this.#isClosed = true;
    for (const listener of this.#listeners) {
      if (!listener.isInner) this.#pause(listener);
    }
  }

  /** After the last session: nobody gives clients to this thread any more. */
  close(): void {
    this.closeDoors();
    for (const listener of this.#listeners) this.#pause(listener);
    this.#loop.unwatch(this.#parts.inbox, this.#inboxToken);
  }

  #open(listener: OpenListener): void {
    if (this.#isClosed || listener.token !== null) return;
    const interest = READY.in | READY.exclusive;
    listener.token = this.#loop.watch(listener.fd, interest, {
      onReady: () =>
        this.#afterMail(() => this.#acceptSome(listener, ACCEPTS_MAX)),
    });
  }

  #pause(listener: OpenListener): void {
    if (listener.token === null) return;
    this.#loop.unwatch(listener.fd, listener.token);
    listener.token = null;
  }

  /**
   * Who comes after a change of routes must not meet the old ones: first what
   * control has said, then the client, whom the loop tells of again.
   */
  #afterMail(take: () => void): void {
    if (!this.#loop.hasMail) take();
  }

  #acceptSome(listener: OpenListener, countMax: number): void {
    const loads = this.#loads();
    for (let i = 0; i < countMax; i++) {
      const flags = FLAG.nonBlocking | FLAG.closeOnExec;
      const fd = this.#libc.accept4(listener.fd, null, null, flags);
      if (fd < 0) return this.#afterFailure(listener, this.#libc.errno());
      const target = indexOfLeast(loads, this.#parts.self);
      loads[target] = (loads[target] ?? 0) + 1;
      const isElsewhere = target !== this.#parts.self &&
        this.#give(target, fd, listener.route);
      if (!isElsewhere) this.#admit(fd, listener.route);
    }
  }

  #loads(): number[] {
    const { inboxes, ledger } = this.#parts;
    return inboxes.map((_, section) => ledger.sums.loadOf(section));
  }

  #give(target: number, fd: number, route: Route): boolean {
    const { routes } = this.#parts.ledger;
    const message = new Int32Array([fd, routes.indexOf(route)]);
    const inbox = this.#parts.inboxes[target] ?? -1;
    // Small writes to a pipe are whole or not at all; a full one is refused.
    return this.#libc.write(inbox, message, message.byteLength) > 0;
  }

  #readInbox(): void {
    const messages = new Int32Array(INBOX_READ * INBOX_WORDS);
    const { inbox } = this.#parts;
    const count = this.#libc.read(inbox, messages, messages.byteLength);
    const words = Math.max(0, count) / Int32Array.BYTES_PER_ELEMENT;
    for (let at = 0; at < words; at += INBOX_WORDS) {
      const { routes } = this.#parts.ledger;
      const route = routes[messages[at + 1] ?? 0] ?? "primary";
      this.#admit(messages[at] ?? -1, route);
    }
  }

  #admit(fd: number, route: Route): void {
    const client = new NetSocket(fd, this.#parts);
    const address = (): string => peerAddress(this.#libc, fd);
    const ends = (): ConnectionEnds | null =>
      client.isClosed ? null : connectionEnds(this.#libc, fd);
    this.#parts.sessions.admit({ route, client, address, ends });
    this.#loop.touch();
  }

  #afterFailure(listener: OpenListener, errno: number): void {
    if (errno === ERRNO.again || errno === ERRNO.interrupted) return;
    // A client that left before it was accepted; the next one may be there.
    if (errno === ERRNO.aborted) return;
    const now = this.#parts.clock.now();
    if (now - this.#loggedAtMs > FAILED_LOG_MS) {
      this.#loggedAtMs = now;
      const isFull = errno === ERRNO.tooManyFiles ||
        errno === ERRNO.tooManyFilesInSystem;
      const why = isFull ? "too many open files" : `error ${errno}`;
      this.#parts.log.error(`Cannot accept a client: ${why}`);
    }
    this.#pause(listener);
    this.#parts.clock.sleep(FAILED_PAUSE_MS).then(() => this.#open(listener));
  }
}

/** Of equal ones the preferred. */
function indexOfLeast(loads: readonly number[], preferred: number): number {
  let best = preferred;
  for (const [index, load] of loads.entries()) {
    if (load < (loads[best] ?? Infinity)) best = index;
  }
  return best;
}
