/**
 * The proxy's own end of TLS, for ports that have a certificate. It is in front of
 * everything else: a client that has finished its handshake goes in by an inner
 * door, a unix socket in a folder that nobody else can enter, with a header that
 * says who it is (PROXY protocol). Routes, limits, queues and statistics are
 * those of all clients; who does not get that far is counted here.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import { type ByteStream, closeQuietly } from "./byte_stream.ts";
import type { Route } from "./doors.ts";
import { EarlyReader } from "./early_reader.ts";
import { errorText } from "./error_text.ts";
import type { FrontLimits } from "./front.ts";
import type { Ledger } from "./ledger.ts";
import type { RouteEvent } from "./ledger_plan.ts";
import { Networks } from "./networks.ts";
import { NodeStream } from "./node_stream.ts";
import { ProxyStartError } from "./options.ts";
import { type OpeningEnd, OpeningLimit, sourceOf } from "./opening_limit.ts";
import { type ConnectionEnds, writtenHeader } from "./proxy_header.ts";
import { TlsCertificates } from "./tls_certificates.ts";
import {
  innerTo,
  joined,
  refusePlain,
  type SecureClient,
  secured,
  told,
  wishOf,
} from "./tls_client.ts";
import type { ServerTls, TlsPort } from "./tls_port.ts";
import { securedServer, type ServerSide } from "./tls_server_side.ts";

/** How long a client may take for the last bytes once its session is over. */
const LINGER_MS = 10_000;

/** What it is made of. */
interface TlsDoorsParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: FrontLimits;
  readonly ports: readonly TlsPort[];
  readonly ledger: Ledger;
}

/** A client at such a port. */
export interface TlsArrival {
  readonly client: ByteStream;
  readonly ends: ConnectionEnds;
}

/** Ends TLS for the clients of some ports. */
export class TlsDoors {
  readonly #parts: TlsDoorsParts;
  readonly #folder: string;
  readonly #certificates: TlsCertificates;
  readonly #networks: Networks;
  readonly #balancers: Networks;
  readonly #openings: OpeningLimit;
  readonly #ending = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #openingCount = 0;

  private constructor(
    parts: TlsDoorsParts,
    { certificates, folder }: {
      readonly certificates: TlsCertificates;
      readonly folder: string;
    },
  ) {
    const { clock, limits } = parts;
    this.#parts = parts;
    this.#folder = folder;
    this.#certificates = certificates;
    this.#networks = new Networks(limits.allow);
    this.#balancers = new Networks(limits.acceptProxyFrom);
    this.#openings = new OpeningLimit(clock, {
      limitMs: limits.startupTimeoutMs,
      perSourceMax: limits.silentPerSourceMax,
    });
    certificates.run(parts, this.#ending.signal);
  }

  /**
   * Reads the certificates and makes the folder of the inner doors.
   *
   * @throws {ProxyStartError} If a certificate cannot be used, or no folder be made.
   */
  static async open(parts: TlsDoorsParts): Promise<TlsDoors> {
    const certificates = new TlsCertificates(parts.ports);
    const folder = await privateFolder();
    return new TlsDoors(parts, { certificates, folder });
  }

  /** Where an inner door listens. */
  innerPath(door: Route): string {
    const { doors } = this.#parts.limits;
    // A path of a socket has to be short.
    return `${this.#folder}/${doors.findIndex(({ name }) => name === door)}`;
  }

  /** Takes a client over, whatever comes of it. */
  admit(port: TlsPort, arrival: TlsArrival): void {
    const serving = this.#serve(port, arrival);
    this.#running.add(serving);
    serving.finally(() => this.#running.delete(serving));
  }

  /** Resolves when the clients of now are gone. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Ends all of them, and removes the folder. */
  async close(): Promise<void> {
    this.#ending.abort();
    this.#openings.close();
    await this.settled();
    await Deno.remove(this.#folder, { recursive: true }).catch(() => {});
  }

  /** Never rejects. */
  async #serve(port: TlsPort, { client, ends }: TlsArrival): Promise<void> {
    const reader = new EarlyReader(client);
    const closing = new AbortController();
    const onEnd = (): void => {
      closing.abort();
      closeQuietly(reader);
    };
    const { signal } = this.#ending;
    signal.addEventListener("abort", onEnd, { once: true });
    this.#openingCount++;
    let isOpening = true;
    const opened = (): void => {
      if (isOpening) this.#openingCount--;
      isOpening = false;
    };
    try {
      const end = await this.#through(port, {
        ...{ client: reader, ends, onEnd, opened },
        signal: closing.signal,
      });
      if (end !== null) this.#count(port.door, end);
    } catch (error) {
      const message = `A client of TLS was not served: ${errorText(error)}`;
      this.#parts.log.error(message, { error });
    } finally {
      opened();
      signal.removeEventListener("abort", onEnd);
      closeQuietly(reader);
    }
  }

  /** @returns Why it did not get in; null: it did, and its session is over. */
  async #through(
    port: TlsPort,
    { client, ends: own, signal, onEnd, opened }: {
      readonly client: EarlyReader;
      readonly ends: ConnectionEnds;
      readonly signal: AbortSignal;
      /** Gives it up. */
      readonly onEnd: () => void;
      readonly opened: () => void;
    },
  ): Promise<RouteEvent | null> {
    let over: OpeningEnd | null = null;
    const wait = this.#openings.begin(sourceOf(own.source.address), (end) => {
      over = end;
      onEnd();
    });
    let found: Entrance | RouteEvent;
    try {
      found = this.#hasRoom()
        ? await this.#entrance(port, { client, own, signal })
        : "tooMany";
    } finally {
      this.#openings.end(wait);
    }
    opened();
    if (typeof found === "string") return over ?? found;
    await this.#inside(found);
    return null;
  }

  /** As many handshakes at once as there may be clients. */
  #hasRoom(): boolean {
    return this.#openingCount <= this.#parts.limits.connectionsMax ||
      this.#openings.makeRoom();
  }

  /** Everything up to the end of the handshake. */
  async #entrance(
    port: TlsPort,
    { client, own, signal }: {
      readonly client: EarlyReader;
      readonly own: ConnectionEnds;
      readonly signal: AbortSignal;
    },
  ): Promise<Entrance | RouteEvent> {
    try {
      const ends = await this.#endsOf(client, own);
      if (ends === null) return "garbage";
      if (!this.#networks.includes(ends.source.address)) return "denied";
      const wish = await wishOf(client);
      switch (wish) {
        case "plain":
          await refusePlain(client);
          return "denied";
        case "cancel":
          return { kind: "cancel", port, ends, request: client.ahead.slice() };
        case "gone":
        case "garbage":
          return wish;
        case "asked":
        case "direct": {
          const secure = await secured(client, {
            ...{ port, wish, signal },
            contextAt: (at) => this.#contextAt(port, at),
          });
          return { kind: "session", port, ends, secure };
        }
      }
    } catch {
      // No handshake, or it went away: nobody is there to be told.
      return "garbage";
    }
  }

  #contextAt({ certificates }: TlsPort, at: number) {
    const one = certificates[at];
    return one === undefined ? undefined : this.#certificates.contextOf(one);
  }

  /** Who it is, which a load balancer says; null: that one did not. */
  async #endsOf(
    client: EarlyReader,
    own: ConnectionEnds,
  ): Promise<ConnectionEnds | null> {
    const isBalancers = !this.#balancers.isOpen &&
      this.#balancers.includes(own.source.address);
    if (!isBalancers) return own;
    const header = await client.header();
    return header === null ? null : header.ends ?? own;
  }

  async #inside(entrance: Entrance): Promise<void> {
    const header = writtenHeader("v2", entrance.ends);
    const { signal } = this.#ending;
    if (entrance.kind === "cancel") {
      const { port, request } = entrance;
      // Without TLS there is no name: each kind of server is told.
      const doors = new Set(port.certificates.map(({ door }) => door));
      for (const door of doors) {
        const inner = await innerTo(this.innerPath(door));
        inner.on("error", () => {}).end(
          new Uint8Array([...header, ...request]),
        );
        inner.resume();
      }
      return;
    }
    const { door, socket } = entrance.secure;
    const { clock } = this.#parts;
    const linger = (over: AbortSignal) => clock.sleep(LINGER_MS, over);
    // Whatever goes wrong with it ends it, and a close tells the others.
    socket.on("error", () => {});
    let inner: Socket | null = null;
    try {
      inner = await innerTo(this.innerPath(door));
      inner.write(header);
      const { server } = entrance.port;
      const side = server === null
        ? { kind: "plain" } as const
        : await this.#serverSide(socket, inner, server);
      if (side.kind === "gone") return;
      if (side.kind === "refused") {
        return await told(socket, { error: side.error, linger });
      }
      const other = side.kind === "secured" ? side.socket : inner;
      await joined(socket, other, { linger, signal });
    } finally {
      inner?.destroy();
      socket.destroy();
    }
  }

  /** TLS to a server. A client that goes away meanwhile, or all of them, ends the wait. */
  async #serverSide(
    client: TLSSocket,
    inner: Socket,
    server: ServerTls,
  ): Promise<ServerSide | { readonly kind: "gone" }> {
    const { clock, limits } = this.#parts;
    const { signal } = this.#ending;
    const giveUp = (): void => void inner.destroy();
    client.once("close", giveUp);
    signal.addEventListener("abort", giveUp, { once: true });
    inner.on("error", () => {});
    try {
      return await securedServer(new NodeStream(inner), {
        server,
        authorities: this.#certificates.authoritiesOf(server),
        limit: (over) => clock.sleep(limits.startupTimeoutMs, over),
      });
    } catch {
      // Its session has ended without a word: there is nothing to tell either.
      return { kind: "gone" };
    } finally {
      client.off("close", giveUp);
      signal.removeEventListener("abort", giveUp);
    }
  }

  #count(door: Route, event: RouteEvent): void {
    const { ledger } = this.#parts;
    ledger.count(door, "accepted");
    ledger.count(door, event);
  }
}

/** Nobody else may enter it. */
async function privateFolder(): Promise<string> {
  try {
    return await Deno.makeTempDir({ prefix: "matriarch-tls-" });
  } catch (error) {
    throw new ProxyStartError(
      "Cannot make a folder for the clients of TLS where temporary files go " +
        `(TMPDIR): ${errorText(error)}`,
      { cause: error },
    );
  }
}

/** A client that may go in. */
type Entrance =
  | {
    readonly kind: "session";
    readonly port: TlsPort;
    readonly ends: ConnectionEnds;
    readonly secure: SecureClient;
  }
  | {
    readonly kind: "cancel";
    readonly port: TlsPort;
    readonly ends: ConnectionEnds;
    readonly request: Uint8Array;
  };
