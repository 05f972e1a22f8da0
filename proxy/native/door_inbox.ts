/**
 * How listening sockets get from an old proxy to the new one: the new one waits
 * at a unix socket, the old one sends the descriptors there. Both then hold the
 * same sockets, so a client that knocks is in one queue, whoever opens.
 *
 * Source: Linux manual, unix(7), SCM_RIGHTS; cmsg(3). Sizes are those of 64-bit
 * systems.
 */
import { FLAG, type Libc } from "./libc.ts";
import { FAMILY_UNIX, unixAddress } from "./unix_address.ts";

const LEVEL_SOCKET = 1;
const SCM_RIGHTS = 1;
const HEADER_BYTES = 56;
const CONTROL_HEAD_BYTES = 16;
/** More than two ports have addresses to listen on. */
const DESCRIPTORS_MAX = 128;

/** Where the new proxy waits for the sockets. */
export class DoorInbox {
  readonly path: string;
  readonly #libc: Libc;
  readonly #fd: number;

  private constructor(parts: { libc: Libc; fd: number; path: string }) {
    this.#libc = parts.libc;
    this.#fd = parts.fd;
    this.path = parts.path;
  }

  /** Null if there can be none; the ports are shared in another way then. */
  static open(libc: Libc, path: string): DoorInbox | null {
    const address = unixAddress(path);
    const fd = address === null ? -1 : unixSocket(libc);
    if (fd < 0 || address === null) return null;
    if (libc.bind(fd, address, address.length) === 0) {
      return new DoorInbox({ libc, fd, path });
    }
    libc.close(fd);
    return null;
  }

  /** The descriptors that have arrived, which are the caller's to close. */
  receive(): readonly number[] {
    const message = messageOf(DESCRIPTORS_MAX, null);
    const received = this.#libc.recvmsg(
      this.#fd,
      message.header,
      FLAG.closeOnExecReceived,
    );
    return received < 0 ? [] : message.descriptors();
  }

  close(): void {
    this.#libc.close(this.#fd);
  }
}

/** Sends descriptors to a {@link DoorInbox}; false if nobody takes them. */
export function sendDoors(
  libc: Libc,
  path: string,
  descriptors: readonly number[],
): boolean {
  const address = unixAddress(path);
  const isPossible = descriptors.length > 0 &&
    descriptors.length <= DESCRIPTORS_MAX;
  if (address === null || !isPossible) return false;
  const fd = unixSocket(libc);
  if (fd < 0) return false;
  const message = messageOf(descriptors.length, address);
  message.put(descriptors);
  const sent = libc.sendmsg(fd, message.header, FLAG.noSignal);
  libc.close(fd);
  return sent > 0;
}

function unixSocket(libc: Libc): number {
  const type = FLAG.datagram | FLAG.nonBlocking | FLAG.closeOnExec;
  return libc.socket(FAMILY_UNIX, type, 0);
}

/** A `msghdr` with one byte of text and room for descriptors. */
function messageOf(count: number, name: Uint8Array<ArrayBuffer> | null) {
  const text = fixed(1);
  const piece = fixed(16);
  const control = fixed(aligned(CONTROL_HEAD_BYTES + 4 * count));
  const header = fixed(HEADER_BYTES);
  const pieceView = new DataView(piece.buffer);
  pieceView.setBigUint64(0, addressOf(text), true);
  pieceView.setBigUint64(8, 1n, true);
  const view = new DataView(header.buffer);
  if (name !== null) {
    view.setBigUint64(0, addressOf(name), true);
    view.setUint32(8, name.length, true);
  }
  view.setBigUint64(16, addressOf(piece), true);
  view.setBigUint64(24, 1n, true);
  view.setBigUint64(32, addressOf(control), true);
  view.setBigUint64(40, BigInt(control.length), true);
  const rights = new DataView(control.buffer);
  return {
    header,
    // What the header points to must live as long as it does.
    parts: [text, piece, control, name],
    put(descriptors: readonly number[]): void {
      const bytes = CONTROL_HEAD_BYTES + 4 * descriptors.length;
      view.setBigUint64(40, BigInt(bytes), true);
      rights.setBigUint64(0, BigInt(bytes), true);
      rights.setInt32(8, LEVEL_SOCKET, true);
      rights.setInt32(12, SCM_RIGHTS, true);
      for (const [i, fd] of descriptors.entries()) {
        rights.setInt32(CONTROL_HEAD_BYTES + 4 * i, fd, true);
      }
    },
    descriptors(): readonly number[] {
      const isRights = rights.getInt32(8, true) === LEVEL_SOCKET &&
        rights.getInt32(12, true) === SCM_RIGHTS;
      if (!isRights) return [];
      const bytes = Number(rights.getBigUint64(0, true)) - CONTROL_HEAD_BYTES;
      return Array.from(
        { length: bytes / 4 },
        (_, i) => rights.getInt32(CONTROL_HEAD_BYTES + 4 * i, true),
      );
    },
  };
}

/** The runtime keeps short arrays where it may move them, unless they view a buffer. */
function fixed(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(length));
}

function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
}

/** Control messages end at multiples of eight. */
function aligned(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
