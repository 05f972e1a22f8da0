/** Listening unix sockets that worker threads share. */
import type { SocketPlace } from "../doors.ts";
import { isPathOf, openSocket } from "../unix_doors.ts";
import { FLAG, type Libc } from "./libc.ts";
import { BACKLOG } from "./native_listener.ts";
import {
  FAMILY_UNIX,
  pathIn,
  UNIX_ADDRESS_BYTES_MAX,
  unixAddress,
} from "./unix_address.ts";

/** A listening unix socket of this process. */
export interface UnixListener {
  readonly fd: number;
  readonly path: string;
  close(): void;
}

/**
 * Opens a socket, or goes on with the one that a predecessor handed on.
 *
 * @throws {ProxyStartError} If it cannot be opened; nothing stays open.
 */
export async function unixListener(
  path: string,
  { inherited, isTakeOver, libc, mode }: {
    readonly libc: Libc;
    readonly inherited: readonly number[];
    readonly isTakeOver: boolean;
    readonly mode: SocketPlace["mode"];
  },
): Promise<UnixListener> {
  const adopted = inherited.find((fd) => {
    const name = new Uint8Array(UNIX_ADDRESS_BYTES_MAX);
    const length = new Uint32Array([name.length]);
    const isNamed = libc.getsockname(fd, name, length) === 0;
    const found = isNamed ? pathIn(name) : null;
    return found !== null && isPathOf(path, found);
  });
  const listener = (fd: number): UnixListener => ({
    ...{ fd, path },
    close: () => void libc.close(fd),
  });
  if (adopted !== undefined && await isThere(path)) {
    await Deno.chmod(path, mode);
    return listener(adopted);
  }
  const open = (fresh: string) => listener(bound(libc, fresh));
  return await openSocket(path, { isTakeOver, mode, open });
}

/** Somebody may have removed the file: then nobody finds the socket any more. */
async function isThere(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(
    (file) => file.isSocket === true,
    () => false,
  );
}

/** @throws {Error} With what is wrong. */
function bound(libc: Libc, path: string): number {
  const address = unixAddress(path);
  if (address === null) throw new Error("the path is too long");
  const type = FLAG.stream | FLAG.nonBlocking | FLAG.closeOnExec;
  const fd = libc.socket(FAMILY_UNIX, type, 0);
  const isBound = fd >= 0 && libc.bind(fd, address, address.length) === 0;
  if (isBound && libc.listen(fd, BACKLOG) === 0) return fd;
  const errno = libc.errno();
  if (fd >= 0) libc.close(fd);
  throw new Error(TEXTS[errno] ?? `error ${errno}`);
}

const TEXTS: Readonly<Record<number, string>> = {
  2: "the directory does not exist",
  13: "permission denied",
  20: "this is no directory",
  30: "the file system is read-only",
};
