/** The service manager's end of NOTIFY_SOCKET. */
import assert from "node:assert/strict";

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

const MSG_DONTWAIT = 0x40;

/** What a service told. */
export interface NotifyReceiver {
  /** The next message; null: there is none yet. */
  readonly next: () => string | null;
  readonly close: () => void;
}

/** A bound datagram socket, as systemd has one; a leading `@` is abstract. */
export function receiverAt(path: string): NotifyReceiver {
  const libc = Deno.dlopen("libc.so.6", SYMBOLS);
  const socket = libc.symbols.socket(1, 2, 0);
  const name = new TextEncoder().encode(path.replace(/^@/, "\0"));
  const address = new Uint8Array(2 + name.length);
  address[0] = 1;
  address.set(name, 2);
  assert.equal(libc.symbols.bind(socket, address, address.length), 0);
  return {
    next: () => {
      const bytes = new Uint8Array(512);
      const length = libc.symbols.recv(socket, bytes, 512n, MSG_DONTWAIT);
      return length < 0n
        ? null
        : new TextDecoder().decode(bytes.subarray(0, Number(length)));
    },
    close: () => {
      libc.symbols.close(socket);
      libc.close();
    },
  };
}
