/**
 * The doors for clients of this host: for each port a unix socket of the name
 * that libpq looks for, as PostgreSQL itself makes them. A socket is bound beside
 * its name and then renamed, so it has its permissions before anybody can find
 * it, and one of a predecessor is replaced without a moment in which there is
 * none. A file that nobody listens at is left by a process that was killed.
 */
import { withoutTrailing } from "../lib/core/base/trailing.ts";
import type { SocketPlace } from "./doors.ts";
import { errorText } from "./error_text.ts";
import { ProxyStartError } from "./options.ts";

/** What a client's address is called that came by a unix socket. */
export const LOCAL_CLIENT = "local";

/**
 * The socket for clients that say `-h FOLDER -p PORT`.
 *
 * Source: PostgreSQL 17 manual, "unix_socket_directories".
 */
export function socketPath({ folder }: SocketPlace, port: number): string {
  return `${withoutTrailing(folder, "/")}/.s.PGSQL.${port}`;
}

/**
 * Whether a path, of a socket that was inherited, is that of a door. The kernel
 * knows the name that it was bound to.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.ok(isPathOf("/run/.s.PGSQL.5000", "/run/.s.PGSQL.5000.77"));
 * assert.ok(!isPathOf("/run/.s.PGSQL.500", "/run/.s.PGSQL.5000"));
 * ```
 */
export function isPathOf(path: string, found: string): boolean {
  const rest = found.slice(path.length);
  return found.startsWith(path) && /^(?:\.\d+)?$/.test(rest);
}

/** How a socket is opened. */
interface SocketTerms<T> {
  /** A predecessor may listen there. */
  readonly isTakeOver: boolean;
  readonly mode: number;
  /** Binds and listens at a path that does not exist. */
  readonly open: (path: string) => T;
}

/**
 * Opens a socket and gives it its name.
 *
 * @throws {ProxyStartError} If somebody else listens there, unless that is a
 *   predecessor, or if it cannot be opened; nothing stays open.
 */
export async function openSocket<T extends { close(): void }>(
  path: string,
  terms: SocketTerms<T>,
): Promise<T> {
  const fresh = `${path}.${Deno.pid}`;
  const opened = await openFresh(path, terms);
  try {
    await Deno.rename(fresh, path);
    return opened;
  } catch (error) {
    opened.close();
    await Deno.remove(fresh).catch(() => {});
    throw unopened(path, error);
  }
}

/**
 * Whether {@link openSocket} would open it, while a predecessor still has it.
 *
 * @throws {ProxyStartError} If it would not.
 */
export async function probeSocket<T extends { close(): void }>(
  path: string,
  terms: SocketTerms<T>,
): Promise<void> {
  const opened = await openFresh(path, terms);
  opened.close();
  await Deno.remove(`${path}.${Deno.pid}`).catch(() => {});
}

/** Listens beside the name. */
async function openFresh<T extends { close(): void }>(
  path: string,
  { isTakeOver, mode, open }: SocketTerms<T>,
): Promise<T> {
  const fresh = `${path}.${Deno.pid}`;
  let opened: T | null = null;
  try {
    const isTaken = await isListenedAt(path) &&
      !(isTakeOver && await isDoor(path));
    if (isTaken) {
      throw new Deno.errors.AddrInUse("another program listens there");
    }
    await Deno.remove(fresh).catch(() => {});
    opened = open(fresh);
    await Deno.chmod(fresh, mode);
    return opened;
  } catch (error) {
    opened?.close();
    throw unopened(path, error);
  }
}

function unopened(path: string, error: unknown): ProxyStartError {
  const text = errorText(error);
  return new ProxyStartError(
    `Cannot listen on ${path} (proxy.unix_socket_directory): ${text}`,
    { cause: error },
  );
}

/**
 * Whether a proxy listens there, and not somebody else: the kernel lists the name
 * that a socket was bound to, which of a door is the one beside. True where there
 * is no such list.
 */
async function isDoor(path: string): Promise<boolean> {
  const list = await Deno.readTextFile("/proc/self/net/unix").catch(() => null);
  if (list === null) return true;
  return list.split("\n").some((line) => {
    const name = line.slice(line.indexOf("/"));
    return name !== path && isPathOf(path, name);
  });
}

/** Removes the file of a socket that nobody listens at. Never rejects. */
export async function removeStale(path: string): Promise<void> {
  try {
    if (!await isListenedAt(path)) await Deno.remove(path);
  } catch {
    // Not ours, or there is none.
  }
}

/** @throws {Error} If that cannot be found out, as with a file of somebody else. */
async function isListenedAt(path: string): Promise<boolean> {
  try {
    const conn = await Deno.connect({ transport: "unix", path });
    conn.close();
    return true;
  } catch (error) {
    const isNobody = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.ConnectionRefused;
    if (isNobody) return false;
    throw error;
  }
}
