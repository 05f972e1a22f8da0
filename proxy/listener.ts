/**
 * Accepts clients on one port and never stops because of one of them, not for a
 * moment: running out of file descriptors is said, waited out and survived.
 */
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import { errorText } from "./error_text.ts";
import { ProxyStartError } from "./options.ts";
import { closeQuietly } from "./byte_stream.ts";

/** Room for a storm of clients until they are accepted. */
const BACKLOG = 4096;
const FAILED_PAUSE_MS = 100;
const FAILED_LOG_MS = 10_000;

/** What a port is opened for. */
export interface PortUse {
  /** The setting that names the port, for the error. */
  readonly setting: string;
  readonly hostname: string;
  readonly port: number;
}

/** What the accept loop needs. */
export interface AcceptParts<T> {
  readonly clock: Clock;
  readonly log: Log;
  readonly onClient: (client: T) => void;
}

/**
 * Opens a port on each of some addresses.
 *
 * @param uses Of one setting; where the port is 0, all get the port of the first.
 * @throws {ProxyStartError} If one cannot be opened, with one sentence that says why; none stays open.
 */
export function openPorts<T extends Listening>(
  uses: readonly PortUse[],
  open: (hostname: string, port: number) => T,
): readonly T[] {
  const opened: T[] = [];
  for (const use of uses) {
    try {
      const port = use.port || (opened[0]?.addr.port ?? 0);
      opened.push(openOne(use.hostname, (host) => open(host, port)));
    } catch (error) {
      for (const one of opened) one.close?.();
      throw portError(use, error);
    }
  }
  return opened;
}

/** Something that has an address; what is opened in vain is closed again. */
export interface Listening {
  readonly addr: Deno.NetAddr;
  readonly close?: () => void;
}

/** A TCP listener for clients. */
export function listenTcp(hostname: string, port: number): Deno.TcpListener {
  return Deno.listen({ hostname, port, tcpBacklog: BACKLOG });
}

/** `*` is both families, or IPv4 alone on a host without IPv6. */
function openOne<T>(hostname: string, open: (hostname: string) => T): T {
  if (hostname !== "*") return open(hostname);
  try {
    return open("::");
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) throw error;
    return open("0.0.0.0");
  }
}

function portError(use: PortUse, error: unknown): ProxyStartError {
  const why = error instanceof Deno.errors.AddrInUse
    ? "another program uses the port"
    : errorText(error);
  return new ProxyStartError(
    `Cannot listen on ${use.hostname}:${use.port} (proxy.${use.setting}): ${why}`,
    { cause: error },
  );
}

/** Accepts until the listener is closed. Never rejects. */
export async function acceptAll<T extends Deno.Conn>(
  listener: { accept(): Promise<T> },
  parts: AcceptParts<T>,
): Promise<void> {
  const tell = teller(parts);
  while (true) {
    try {
      admit(await listener.accept(), parts, tell);
    } catch (error) {
      if (isClosed(error)) return;
      // Who resets in a loop must not make all others wait.
      if (isOfClient(error)) continue;
      tell(error);
      await parts.clock.sleep(FAILED_PAUSE_MS);
    }
  }
}

/** What fails with one client ends that client. */
function admit<T extends Deno.Conn>(
  client: T,
  { onClient }: Pick<AcceptParts<T>, "onClient">,
  tell: (error: unknown) => void,
): void {
  try {
    onClient(client);
  } catch (error) {
    closeQuietly(client);
    if (!isOfClient(error)) tell(error);
  }
}

/** Says it, but not again and again. */
function teller(
  { clock, log }: Pick<AcceptParts<never>, "clock" | "log">,
): (error: unknown) => void {
  let toldAt = -Infinity;
  return (error) => {
    if (clock.now() - toldAt <= FAILED_LOG_MS) return;
    toldAt = clock.now();
    log.error(`Cannot accept a client: ${errorText(error)}`, { error });
  };
}

/**
 * Whether it concerns one connection, and the next one may be there. Anything
 * else, above all a lack of descriptors or of memory, would come again at once.
 *
 * Source: accept(2), "Error handling"; the runtime also asks for the address of
 * whom it accepted, and one that is gone has none (ENOTCONN).
 */
const CLIENTS_OWN: ReadonlySet<unknown> = new Set([
  ...["ENOTCONN", "ECONNABORTED", "ECONNRESET", "EPIPE", "ETIMEDOUT"],
  ...["EPROTO", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH"],
]);

function isOfClient(error: unknown): boolean {
  return error instanceof Error && "code" in error &&
    CLIENTS_OWN.has(error.code);
}

/** Stops accepting; sessions that exist are not touched. */
export function closePort(listener: { close(): void }): void {
  closeQuietly(listener);
}

function isClosed(error: unknown): boolean {
  return error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted;
}
