/**
 * Listening sockets that worker threads share. A port that somebody else uses is
 * refused; a port of this proxy's predecessor is shared with it until it lets go
 * (SO_REUSEPORT), so that an upgrade refuses no client.
 */
import { errorText } from "../error_text.ts";
import type { Listening } from "../listener.ts";
import {
  ADDRESS_BYTES_MAX,
  addressIn,
  portIn,
  socketAddress,
} from "./address.ts";
import { ERRNO, FLAG, type Libc } from "./libc.ts";
import type { TcpTuning } from "../tcp_tuning.ts";
import { tuneSocket } from "./net_socket.ts";

const LEVEL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
/** Room for a storm of clients until they are accepted. */
export const BACKLOG = 4096;

/** A listening socket of this process. */
export interface NativeListener extends Listening {
  readonly fd: number;
  close(): void;
}

/** How to open one. */
export interface ListenOptions {
  readonly libc: Libc;
  /** The port may be in use by this proxy's predecessor. */
  readonly isShared: boolean;
  readonly tcp: TcpTuning;
}

/**
 * The listener of a socket that a predecessor handed on, if one of them is at
 * that address; null: none is.
 *
 * @param ip Numeric.
 */
export function adoptListener(
  ip: string,
  port: number,
  options: {
    readonly libc: Libc;
    readonly inherited: readonly number[];
    readonly tcp: TcpTuning;
  },
): NativeListener | null {
  const { inherited, libc } = options;
  const wanted = socketAddress(ip, port);
  const fd = inherited.find((one) => {
    const name = nameOf(one, libc);
    return wanted !== null && portIn(name) === port &&
      name[0] === wanted.family && addressIn(name) === addressIn(wanted.bytes);
  });
  if (fd === undefined) return null;
  // The predecessor may be of another version, which did not.
  tuneSocket(libc, fd, options.tcp);
  const addr = { transport: "tcp", hostname: ip, port } as const;
  return { fd, addr, close: () => void libc.close(fd) };
}

function nameOf(fd: number, libc: Libc): Uint8Array {
  const name = new Uint8Array(ADDRESS_BYTES_MAX);
  libc.getsockname(fd, name, new Uint32Array([name.length]));
  return name;
}

/**
 * @param ip Numeric.
 * @throws {Deno.errors.AddrInUse} If another program uses the port.
 * @throws {Error} If it cannot be opened for another reason.
 */
export function listenNative(
  ip: string,
  port: number,
  options: ListenOptions,
): NativeListener {
  const { libc, isShared, tcp } = options;
  // Whoever shares once shares with everybody of the same user: so look first.
  if (!isShared && port !== 0) {
    libc.close(bound(ip, port, { libc, isShared: false, tcp }));
  }
  const fd = bound(ip, port, { libc, isShared: true, tcp });
  if (libc.listen(fd, BACKLOG) < 0) {
    const error = failure(libc.errno());
    libc.close(fd);
    throw error;
  }
  const taken = portIn(nameOf(fd, libc));
  const addr = { transport: "tcp", hostname: ip, port: taken } as const;
  return { fd, addr, close: () => void libc.close(fd) };
}

function bound(ip: string, port: number, options: ListenOptions): number {
  const { libc, isShared, tcp } = options;
  const address = socketAddress(ip, port);
  if (address === null) throw new Error(`not an address: ${ip}`);
  const type = FLAG.stream | FLAG.nonBlocking | FLAG.closeOnExec;
  const fd = libc.socket(address.family, type, 0);
  if (fd < 0) throw failure(libc.errno());
  const on = new Int32Array([1]);
  libc.setsockopt(fd, LEVEL_SOCKET, SO_REUSEADDR, on, 4);
  if (isShared) libc.setsockopt(fd, LEVEL_SOCKET, SO_REUSEPORT, on, 4);
  const { bytes } = address;
  tuneSocket(libc, fd, tcp);
  if (libc.bind(fd, bytes, bytes.length) < 0) {
    const error = failure(libc.errno());
    libc.close(fd);
    throw error;
  }
  return fd;
}

const TEXTS: Readonly<Record<number, string>> = {
  13: "permission denied",
  97: "this address family is not supported",
  99: "the address is not one of this host",
};

function failure(errno: number): Error {
  if (errno === ERRNO.inUse) return new Deno.errors.AddrInUse();
  return new Error(TEXTS[errno] ?? errorText(`error ${errno}`));
}
