/** How clients of TLS come into this thread, and what is loaded for them only where there are such ports. */
import { createServer } from "node:net";
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import type { Doorway, FrontLimits } from "./front.ts";
import type { Ledger } from "./ledger.ts";
import { NodeStream } from "./node_stream.ts";
import type { TlsArrival, TlsDoors } from "./tls_doors.ts";

/**
 * The proxy's own end of TLS; null where no port has one.
 *
 * @throws {ProxyStartError} If a certificate cannot be used.
 */
export async function openTls(
  { doorway, ...parts }: {
    readonly clock: Clock;
    readonly log: Log;
    readonly limits: FrontLimits;
    readonly doorway: Doorway;
    readonly ledger: Ledger;
  },
): Promise<TlsDoors | null> {
  const { tlsPorts: ports } = doorway;
  if (ports.length === 0) return null;
  const { TlsDoors } = await import("./tls_doors.ts");
  return await TlsDoors.open({ ...parts, ports });
}

/**
 * Accepts the clients of a listening socket in this thread.
 *
 * @param fd The caller has another one of the socket: this one is closed with it.
 */
export function acceptHere(
  fd: number,
  { log, onClient }: {
    readonly log: Log;
    readonly onClient: (arrival: TlsArrival) => void;
  },
): { close(): void } {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const { localAddress, localPort, remoteAddress, remotePort } = socket;
    const client = new NodeStream(socket);
    const isThere = localAddress !== undefined && localPort !== undefined &&
      remoteAddress !== undefined && remotePort !== undefined;
    if (!isThere) return client.close();
    socket.setNoDelay(true);
    onClient({
      client,
      ends: {
        source: { address: plain(remoteAddress), port: remotePort },
        destination: { address: plain(localAddress), port: localPort },
      },
    });
  });
  server.on("error", (error: Error) => {
    log.error(`Cannot accept a client: ${error.message}`, { error });
  });
  server.listen({ fd });
  return { close: () => void server.close() };
}

/** How IPv4 clients of a socket for both families are written. */
function plain(address: string): string {
  return address.replace(/^::ffff:/i, "");
}
