/**
 * Opens the socket for the driver. The driver's own way hears only the first error
 * of a socket, and a second one (a broken TLS handshake has several) would end the
 * process; and it leaves a socket open for a while after its end.
 */
import net from "node:net";
import tls from "node:tls";
import { AbstractConnector } from "ioredis";
import type { RedisHost, TlsContents } from "./options.ts";

/** A connector of the driver's to one host; null: no TLS. */
export function connectorTo(
  { host, port }: RedisHost,
  contents: TlsContents | null,
): new () => AbstractConnector {
  return class extends AbstractConnector {
    #raw: net.Socket | null = null;

    constructor() {
      super(0);
    }

    override async connect(): Promise<net.Socket> {
      this.connecting = true;
      const raw = net.connect({ host, port });
      this.#raw = raw;
      await happened(raw, "connect");
      if (contents === null) return raw;
      const secure = tls.connect({
        ...{ socket: raw, host },
        ...(net.isIP(host) === 0 ? { servername: host } : {}),
        ...contents,
      });
      await happened(secure, "secureConnect");
      // Both ends of it go together.
      raw.once("close", () => secure.destroy());
      return secure;
    }

    override disconnect(): void {
      this.connecting = false;
      this.#raw?.destroy();
    }
  };
}

/** Resolves with the event; no later error of the socket goes unheard. */
function happened(
  socket: net.Socket,
  event: "connect" | "secureConnect",
): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.on("error", reject);
    socket.once("close", () => reject(new Error("the connection was closed")));
  });
}
