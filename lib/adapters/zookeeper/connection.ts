/**
 * One connection on one session: requests, their answers, its own time limits,
 * and signs of life where they are wanted.
 *
 * A connection that is lost stays lost; whoever needs one opens the next.
 */
import {
  after,
  type Moment,
  remainingMs,
  timerMs,
} from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { ConnectionError, RefusalError } from "./errors.ts";
import { hostText } from "./hosts.ts";
import type { JuteWriter } from "./jute.ts";
import {
  CODE,
  connectFrame,
  eventPath,
  type GrantedSession,
  grantedSession,
  type Head,
  headOf,
  OP,
  request,
  writeAuth,
  XID,
} from "./messages.ts";
import type { Credential, HostPort } from "./options.ts";
import { FrameSocket, type SocketOptions } from "./socket.ts";

/** What a connection is opened with. */
export interface ConnectionOptions extends SocketOptions {
  readonly clock: Clock;
  /** To open (id 0) or to join. */
  readonly session: GrantedSession;
  readonly credentials: readonly Credential[];
  /** A sign of life this often; null: never, so that the session ends by itself. */
  readonly pingEveryMs: number | null;
  /** Something has changed at or below a watched path. */
  readonly onEvent: (path: string) => void;
}

/** One request. */
export interface Ask {
  readonly op: number;
  readonly write: (to: JuteWriter) => void;
  readonly timeoutMs: number;
}

interface Pending {
  resolve(head: Head): void;
  reject(error: Error): void;
}

/** So many signs of life may stay without an answer. */
const SILENT_PINGS_MAX = 2;
/** Numbers of requests begin anew before they are no int32 any more. */
const XID_MAX = 2 ** 31 - 1;

/** An open connection. */
export class ZkConnection {
  readonly address: HostPort;
  /** Settles when the connection is lost. */
  readonly ended: Promise<void>;
  readonly #socket: FrameSocket;
  readonly #options: ConnectionOptions;
  /** In the order in which the server answers. */
  readonly #pending = new Map<number, Pending>();
  readonly #granted = Promise.withResolvers<GrantedSession>();
  readonly #ending = Promise.withResolvers<void>();
  #lost: Error | null = null;
  #hasSession = false;
  #heardAt: Moment;
  #xid = 0;
  #pings: ReturnType<typeof setInterval> | undefined;

  private constructor(socket: FrameSocket, options: ConnectionOptions) {
    const { address, clock } = options;
    this.address = address;
    this.ended = this.#ending.promise;
    this.#socket = socket;
    this.#options = options;
    this.#heardAt = clock.now();
    // Whoever opens it waits for it; nobody has to.
    this.#granted.promise.catch(() => {});
    socket.listen({
      onFrame: (frame) => this.#take(frame),
      onEnd: (error) => this.#lose(error),
    });
  }

  /**
   * Connects, and opens or joins the session.
   *
   * @throws {ConnectionError} If there is no answer in time.
   * @throws {StrangerError} If the server is none of ZooKeeper's.
   * @throws {RefusalError} If it does not accept the credentials.
   */
  static async open(options: ConnectionOptions): Promise<OpenConnection> {
    const { clock, timeoutMs, session, credentials } = options;
    const deadline = after(clock.now(), timeoutMs);
    const left = () => remainingMs(deadline, clock.now());
    const socket = await FrameSocket.open(options);
    const connection = new ZkConnection(socket, options);
    const timer = setTimeout(
      () => connection.close("no answer"),
      timerMs(left()),
    );
    try {
      socket.send(connectFrame(session));
      const granted = await connection.#granted.promise;
      for (const one of credentials) await connection.#logIn(one, left());
      if (options.pingEveryMs !== null) connection.#keepAlive();
      return { connection, granted };
    } catch (error) {
      connection.close("it was given up");
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** `host:port`. */
  get host(): string {
    return hostText(this.address);
  }

  get isOpen(): boolean {
    return this.#lost === null;
  }

  /** Whether an answer is on its way. */
  get isBusy(): boolean {
    return this.#pending.size > 0;
  }

  /**
   * Sends a request and waits for its answer.
   *
   * @throws {ConnectionError} If none comes in time.
   * @throws {RefusalError} If it is a refusal.
   */
  async ask({ op, write, timeoutMs }: Ask): Promise<Head> {
    this.#xid = this.#xid >= XID_MAX ? 1 : this.#xid + 1;
    return await this.#send({ xid: this.#xid, op, write, timeoutMs });
  }

  /** Closes at once; the session lives on. */
  close(why: string): void {
    this.#socket.end(why);
  }

  /** Ends the session, too. */
  leave(why: string): void {
    this.#socket.send(request(0, OP.close).frame());
    this.#socket.finish(why);
  }

  async #logIn(credential: Credential, timeoutMs: number): Promise<void> {
    await this.#send({
      ...{ xid: XID.auth, op: OP.auth, timeoutMs },
      write: (to) => writeAuth(to, credential),
    });
  }

  async #send(
    { xid, op, write, timeoutMs }: Ask & { readonly xid: number },
  ): Promise<Head> {
    if (this.#lost !== null) throw this.#lost;
    if (timeoutMs <= 0) throw new ConnectionError("no answer");
    const { clock } = this.#options;
    const writer = request(xid, op);
    write(writer);
    const { promise, resolve, reject } = Promise.withResolvers<Head>();
    this.#pending.set(xid, { resolve, reject });
    const since = clock.now();
    const timer = setTimeout(() => {
      this.#pending.delete(xid);
      reject(new ConnectionError("no answer"));
      // It answers in order: what came since then shows that it is alive.
      if (this.#heardAt <= since) this.close("no answer");
    }, timerMs(timeoutMs));
    try {
      this.#socket.send(writer.frame());
      const head = await promise;
      if (head.code !== CODE.ok) throw new RefusalError(head.code);
      return head;
    } finally {
      clearTimeout(timer);
    }
  }

  #keepAlive(): void {
    const { clock, pingEveryMs } = this.#options;
    const everyMs = pingEveryMs ?? 0;
    if (this.#lost !== null) return;
    this.#pings = setInterval(() => {
      const silentMs = clock.now() - this.#heardAt;
      if (silentMs > everyMs * (SILENT_PINGS_MAX + 0.5)) {
        return this.close("it fell silent");
      }
      this.#socket.send(request(XID.ping, OP.ping).frame());
    }, timerMs(everyMs));
  }

  #take(frame: Uint8Array): void {
    this.#heardAt = this.#options.clock.now();
    if (!this.#hasSession) {
      this.#granted.resolve(grantedSession(frame));
      this.#hasSession = true;
      return;
    }
    const head = headOf(frame);
    switch (head.xid) {
      case XID.ping:
        return;
      case XID.event:
        return this.#options.onEvent(eventPath(head.body));
      default: {
        const pending = this.#pending.get(head.xid);
        this.#pending.delete(head.xid);
        pending?.resolve(head);
      }
    }
  }

  #lose(error: Error): void {
    this.#lost = error;
    clearInterval(this.#pings);
    this.#granted.reject(error);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.#ending.resolve();
  }
}

/** A connection and the session that it is on. */
export interface OpenConnection {
  readonly connection: ZkConnection;
  readonly granted: GrantedSession;
}
