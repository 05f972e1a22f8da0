/** Opens connections to backends from a worker thread, within a time limit. */
import type { Backend } from "../../lib/core/model/routes.ts";
import type { Dialer, DialResult } from "../dial.ts";
import { errorText } from "../error_text.ts";
import { type SocketAddress, socketAddress } from "./address.ts";
import type { TcpTuning } from "../tcp_tuning.ts";
import { ERRNO, FLAG } from "./libc.ts";
import {
  NetSocket,
  SocketError,
  type SocketWorld,
  tuneSocket,
} from "./net_socket.ts";

/** Numeric addresses of a host; a thread that blocks cannot ask a name server. */
type HostAddresses = (host: string) => readonly string[];

type SocketsByPort = Map<number, readonly SocketAddress[]>;

interface DialWorld extends SocketWorld {
  readonly tcp: TcpTuning;
}

/** Opens connections to backends from a worker thread. */
export class NativeDialer implements Dialer {
  readonly #world: DialWorld;
  readonly #addressesOf: HostAddresses;
  /** By list of addresses, which is another one when names were asked again. */
  readonly #known = new WeakMap<readonly string[], SocketsByPort>();

  constructor(world: DialWorld, addressesOf: HostAddresses) {
    this.#world = world;
    this.#addressesOf = addressesOf;
  }

  async dial(
    backend: Backend,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<DialResult> {
    const sockets = this.#socketsOf(backend);
    if (sockets.length === 0) {
      return { kind: "failed", detail: `no address of ${backend.host}` };
    }
    let detail = "given up";
    const { clock } = this.#world;
    const deadline = clock.now() + limitMs;
    for (const [i, address] of sockets.entries()) {
      // The first address must not use up the time of the others.
      const leftMs = (deadline - clock.now()) / (sockets.length - i);
      if (signal.aborted || leftMs <= 0) break;
      try {
        const conn = await this.#connect(address, leftMs, signal);
        return { kind: "connected", conn };
      } catch (error) {
        detail = errorText(error);
      }
    }
    return { kind: "failed", detail };
  }

  /** Where a backend listens, in the kernel's form. */
  #socketsOf({ host, port }: Backend): readonly SocketAddress[] {
    const ips = this.#addressesOf(host);
    const byPort: SocketsByPort = this.#known.get(ips) ?? new Map();
    const known = byPort.get(port);
    if (known !== undefined) return known;
    const sockets = ips.flatMap((ip) => socketAddress(ip, port) ?? []);
    this.#known.set(ips, byPort.set(port, sockets));
    return sockets;
  }

  async #connect(
    address: SocketAddress,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<NetSocket> {
    const { libc, tcp } = this.#world;
    const type = FLAG.stream | FLAG.nonBlocking | FLAG.closeOnExec;
    const fd = libc.socket(address.family, type, 0);
    if (fd < 0) throw new SocketError(`error ${libc.errno()}`);
    const socket = new NetSocket(fd, this.#world);
    try {
      const isConnected = this.#begin(fd, address.bytes);
      if (!isConnected) await this.#finish(socket, limitMs, signal);
      tuneSocket(libc, fd, tcp);
      return socket;
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  /** @returns Whether it is connected already. */
  #begin(fd: number, address: Uint8Array<ArrayBuffer>): boolean {
    const { libc } = this.#world;
    const call = (): number => {
      if (libc.connect(fd, address, address.length) === 0) return 0;
      return libc.errno();
    };
    if (call() === 0) return true;
    // Within a host the handshake is over by now, which saves a wait. Whatever
    // failed the first time, fails again.
    const errno = call();
    if (errno === 0) return true;
    if (errno === ERRNO.already || errno === ERRNO.inProgress) return false;
    throw new SocketError(`error ${errno}`);
  }

  async #finish(
    socket: NetSocket,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const done = new AbortController();
    const giveUp = (): void => socket.close();
    try {
      signal.addEventListener("abort", giveUp, { once: true });
      this.#world.clock.sleep(limitMs, done.signal).then(() => {
        if (!done.signal.aborted) giveUp();
      });
      await socket.connected();
      if (socket.isClosed) throw new SocketError("given up");
    } finally {
      done.abort("over");
      signal.removeEventListener("abort", giveUp);
    }
  }
}
