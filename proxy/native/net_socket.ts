/**
 * A non-blocking TCP socket of this thread. Before it is relayed it is a
 * {@link ByteStream} with promises; a relay takes it over with `seize` and is
 * then called by the loop directly.
 */
import type { Clock } from "../../lib/ports/clock.ts";
import type { TcpTuning } from "../tcp_tuning.ts";
import type { ByteStream } from "../byte_stream.ts";
import type { ConnectionEnds, EndPoint } from "../proxy_header.ts";
import { ADDRESS_BYTES_MAX, addressIn, portIn } from "./address.ts";
import { LOCAL_CLIENT } from "../unix_doors.ts";
import { FAMILY_UNIX } from "./unix_address.ts";
import type { EventLoop, ReadyHandler } from "./event_loop.ts";
import { ERRNO, FLAG, type Libc, READY } from "./libc.ts";

const LEVEL_TCP = 6;
const LEVEL_SOCKET = 1;
const TCP_NODELAY = 1;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const SO_ERROR = 4;
const SO_KEEPALIVE = 9;
const TCP_USER_TIMEOUT = 18;

interface SocketOption {
  readonly level: number;
  readonly name: number;
  readonly value: Int32Array<ArrayBuffer>;
}

/** Made once per tuning: connections are many. */
const OPTIONS = new WeakMap<TcpTuning, readonly SocketOption[]>();

function optionsOf(tcp: TcpTuning): readonly SocketOption[] {
  const known = OPTIONS.get(tcp);
  if (known !== undefined) return known;
  const option = (name: number, value: number): SocketOption => ({
    ...{ level: LEVEL_TCP, name, value: Int32Array.of(value) },
  });
  const made = [
    option(TCP_NODELAY, 1),
    { ...option(SO_KEEPALIVE, 1), level: LEVEL_SOCKET },
    option(TCP_KEEPIDLE, tcp.keepaliveIdleS),
    option(TCP_KEEPINTVL, tcp.keepaliveIntervalS),
    option(TCP_KEEPCNT, tcp.keepaliveCount),
    ...(tcp.userTimeoutMs > 0
      ? [option(TCP_USER_TIMEOUT, tcp.userTimeoutMs)]
      : []),
  ];
  OPTIONS.set(tcp, made);
  return made;
}

/**
 * No Nagle delay for small packets; dead peers are noticed by the kernel. What a
 * listening socket is told holds for all that it accepts (Linux).
 */
export function tuneSocket(libc: Libc, fd: number, tcp: TcpTuning): void {
  for (const { level, name, value } of optionsOf(tcp)) {
    libc.setsockopt(fd, level, name, value, value.byteLength);
  }
}

/** The numeric address of the other side, or that it is of this host by a unix socket; empty if it is gone. */
export function peerAddress(libc: Libc, fd: number): string {
  const bytes = new Uint8Array(ADDRESS_BYTES_MAX);
  const length = new Uint32Array([bytes.length]);
  const isGone = libc.getpeername(fd, bytes, length) < 0;
  if (isGone) return "";
  return bytes[0] === FAMILY_UNIX ? LOCAL_CLIENT : addressIn(bytes);
}

/** Both ends of a connection; null if it is gone, or by a unix socket. */
export function connectionEnds(
  libc: Libc,
  fd: number,
): ConnectionEnds | null {
  const bytes = new Uint8Array(ADDRESS_BYTES_MAX);
  const end = (look: Libc["getpeername"]): EndPoint | null => {
    const length = new Uint32Array([bytes.length]);
    if (look(fd, bytes, length) < 0) return null;
    if (bytes[0] === FAMILY_UNIX) return null;
    return { address: addressIn(bytes), port: portIn(bytes) };
  };
  const source = end(libc.getpeername);
  const destination = end(libc.getsockname);
  if (source === null || destination === null) return null;
  return { source, destination };
}

/** What sockets of a thread share. */
export interface SocketWorld {
  readonly libc: Libc;
  readonly loop: EventLoop;
  readonly clock: Clock;
}

/** The peer is gone, or the socket was closed here. */
export class SocketError extends Error {
  override readonly name = "SocketError";
}

/** A non-blocking TCP socket of this thread. */
export class NetSocket implements ByteStream, ReadyHandler {
  readonly fd: number;
  readonly #world: SocketWorld;
  #token: number | null = null;
  #handler: ReadyHandler = this;
  #interest = 0;
  #onReadable: (() => void) | null = null;
  #onWritable: (() => void) | null = null;
  #isClosed = false;

  constructor(fd: number, world: SocketWorld) {
    this.fd = fd;
    this.#world = world;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Finishes a `connect` that is in progress.
   *
   * @throws {SocketError} If it was refused, or the socket was closed meanwhile.
   */
  async connected(): Promise<void> {
    await this.#writable();
    this.#check();
    const error = new Int32Array(1);
    const { getsockopt } = this.#world.libc;
    const length = new Int32Array([4]);
    getsockopt(this.fd, LEVEL_SOCKET, SO_ERROR, error, length);
    if (error[0] !== 0) throw new SocketError(`error ${error[0]}`);
  }

  async read(into: Uint8Array<ArrayBuffer>): Promise<number | null> {
    while (true) {
      this.#check();
      const { libc } = this.#world;
      const count = libc.recv(this.fd, into, into.length, 0);
      if (count >= 0) return count === 0 ? null : count;
      this.#checkAgain();
      await this.#readable();
    }
  }

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
    while (true) {
      this.#check();
      const { libc } = this.#world;
      const count = libc.send(this.fd, bytes, bytes.length, FLAG.noSignal);
      if (count >= 0) return count;
      this.#checkAgain();
      await this.#writable();
    }
  }

  closeWrite(): Promise<void> {
    this.#check();
    this.endWrite();
    return Promise.resolve();
  }

  /** Ends the own half; also while it is relayed. */
  endWrite(): void {
    if (this.#isClosed) return;
    this.#world.libc.shutdown(this.fd, FLAG.shutdownWrite);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watch(0);
    this.#world.libc.close(this.fd);
    this.#wakeReader();
    this.#wakeWriter();
  }

  /** From now on `handler` is called; whoever was reading gets an error. */
  seize(handler: ReadyHandler): void {
    this.#handler = handler;
    const { loop } = this.#world;
    if (this.#token !== null) loop.handOver(this.#token, handler);
    this.#wakeReader();
    this.#wakeWriter();
  }

  /** Conditions to be called for, of {@link READY}; 0: none at all. */
  watch(interest: number): void {
    if (!this.#isClosed) this.#watch(interest);
  }

  onReady(events: number): void {
    const isOver = (events & (READY.error | READY.hangUp)) !== 0;
    if (isOver || (events & READY.in) !== 0) this.#wakeReader();
    if (isOver || (events & READY.out) !== 0) this.#wakeWriter();
    // Whoever still wants something asks again.
    this.#watch(this.#wanted());
  }

  #watch(interest: number): void {
    if (interest === this.#interest) return;
    const { loop } = this.#world;
    if (interest === 0) {
      if (this.#token !== null) loop.unwatch(this.fd, this.#token);
      this.#token = null;
    } else if (this.#token === null) {
      this.#token = loop.watch(this.fd, interest, this.#handler);
    } else {
      loop.rewatch(this.fd, this.#token, interest);
    }
    this.#interest = interest;
  }

  #wanted(): number {
    return (this.#onReadable === null ? 0 : READY.in) |
      (this.#onWritable === null ? 0 : READY.out);
  }

  #readable(): Promise<void> {
    return new Promise((resolve) => {
      this.#onReadable = resolve;
      this.#watch(this.#wanted());
    });
  }

  #writable(): Promise<void> {
    return new Promise((resolve) => {
      this.#onWritable = resolve;
      this.#watch(this.#wanted());
    });
  }

  #wakeReader(): void {
    this.#onReadable?.();
    this.#onReadable = null;
    this.#world.loop.touch();
  }

  #wakeWriter(): void {
    this.#onWritable?.();
    this.#onWritable = null;
    this.#world.loop.touch();
  }

  #check(): void {
    if (this.#isClosed) throw new SocketError("closed");
    if (this.#handler !== this) throw new SocketError("taken over");
  }

  /** After a call that failed: may it be tried again? */
  #checkAgain(): void {
    const errno = this.#world.libc.errno();
    if (errno === ERRNO.again || errno === ERRNO.interrupted) return;
    throw new SocketError(`error ${errno}`);
  }
}
