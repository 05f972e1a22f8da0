/**
 * Tells the kernel more about the runtime's own sockets than the runtime can: a
 * peer that vanished is noticed after two minutes, as in worker threads, and not
 * after the kernel's two hours. The runtime does not say which descriptor a
 * socket has, but the kernel gives out the lowest free one, so it is looked for
 * from there on. Where the C library cannot be called the two hours stay.
 */
import { ADDRESS_BYTES_MAX, portIn } from "./native/address.ts";
import type { Libc } from "./native/libc.ts";
import type { TcpTuning } from "./tcp_tuning.ts";
import { tuneSocket } from "./native/net_socket.ts";

/** Others that are opened meanwhile may have taken the first ones. */
const LOOKED_AT_MAX = 64;

/** Sets socket options that the runtime does not know. */
export class KernelTuning {
  readonly #libc: Libc | null;
  readonly #tcp: TcpTuning;

  constructor(libc: Libc | null, tcp: TcpTuning) {
    this.#libc = libc;
    this.#tcp = tcp;
  }

  /** To be asked before a socket is opened: where to look for it. */
  lowestFree(): number {
    if (this.#libc === null) return -1;
    const fd = this.#libc.dup(0);
    if (fd >= 0) this.#libc.close(fd);
    return fd;
  }

  /**
   * Tunes the socket with that port on this side; a listener's tuning holds for
   * all that it accepts.
   */
  tune(from: number, { port }: Deno.NetAddr): void {
    const libc = this.#libc;
    if (libc === null || from < 0) return;
    const name = new Uint8Array(ADDRESS_BYTES_MAX);
    for (let fd = from; fd < from + LOOKED_AT_MAX; fd++) {
      const length = new Uint32Array([name.length]);
      const isSocket = libc.getsockname(fd, name, length) === 0;
      if (isSocket && portIn(name) === port) {
        return tuneSocket(libc, fd, this.#tcp);
      }
    }
  }
}
