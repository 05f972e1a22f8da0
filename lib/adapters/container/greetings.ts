/**
 * How containers ask each other what their volumes hold: over TLS, where both
 * sides show a certificate of the cluster's authority. It is open as long as the
 * container runs, so that one that comes later hears the same as the others.
 */
import { createServer, request, type Server } from "node:https";
import { timerMs } from "../../core/base/units.ts";
import type { ContainerGreeting } from "../../core/model/container.ts";
import type { ContainerNeighbours } from "../../ports/container.ts";
import { decodeGreeting, encodeGreeting } from "./greeting_codec.ts";

const ANSWER_MS = 2_000;
const ANSWER_BYTES_MAX = 16_384;
const HEAD_MS = 5_000;
const CONNECTIONS_MAX = 128;

/** Of this container, PEM; the certificate's file holds its key, too. */
export interface GreetingTls {
  readonly ca: string;
  readonly cert: string;
}

/**
 * Answers until it is closed.
 *
 * @param greeting Called for each request.
 * @throws {Error} If the port is taken.
 */
export async function serveGreetings(
  greeting: () => Promise<ContainerGreeting>,
  { port, tls }: { readonly port: number; readonly tls: GreetingTls },
): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer({
    ...{ ca: tls.ca, cert: tls.cert, key: tls.cert, minVersion: "TLSv1.3" },
    ...{ requestCert: true, rejectUnauthorized: true },
    ...{ headersTimeout: HEAD_MS, requestTimeout: HEAD_MS },
  }, (_incoming, outgoing) => {
    greeting().then(
      (said) => {
        outgoing.writeHead(200, { connection: "close" });
        outgoing.end(encodeGreeting(said));
      },
      () => outgoing.writeHead(503).end(),
    );
  });
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, port);
  // Without a listener an accept error would end the process.
  server.on("error", () => {});
  const address = server.address();
  return {
    port: typeof address === "object" ? address?.port ?? port : port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Asks the others at one port. */
export class GreetingNeighbours implements ContainerNeighbours {
  readonly #port: number;
  readonly #tls: GreetingTls;

  constructor({ port, tls }: {
    readonly port: number;
    readonly tls: GreetingTls;
  }) {
    this.#port = port;
    this.#tls = tls;
  }

  async ask(name: string): Promise<ContainerGreeting | null> {
    const text = await this.#text(name).catch(() => null);
    const said = text === null ? null : decodeGreeting(text);
    // What another one says is not its word.
    return said?.name === name ? said : null;
  }

  #text(host: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const { ca, cert } = this.#tls;
      const asked = request({
        ...{ host, port: this.#port, path: "/", agent: false },
        ...{ ca, cert, key: cert, minVersion: "TLSv1.3" },
        signal: AbortSignal.timeout(timerMs(ANSWER_MS)),
      }, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (part: string) => {
          text += part;
          if (text.length > ANSWER_BYTES_MAX) asked.destroy();
        });
        answer.on("end", () => resolve(text));
        answer.on("error", reject);
      });
      asked.on("error", reject);
      asked.end();
    });
  }
}
