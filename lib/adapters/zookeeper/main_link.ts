/**
 * The session for reads, watches and writes without a lease: nothing hangs on it,
 * so it is kept alive in the background, and a lost one is replaced by a new one.
 */
import { timerMs } from "../../core/base/units.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import type { ZkConnection } from "./connection.ts";
import type { Dialer } from "./dialer.ts";
import type { Credential } from "./options.ts";

/** The server is asked for this; it may grant something else. */
const SESSION_MS = 12_000;
/** A server that has fallen silent is noticed within three of these. */
const PING_EVERY_MS = 1500;
/** For all callers of one attempt; each has its own limit, too. */
const DIAL_MS = 5000;
const NEW_SESSION = {
  id: 0n,
  password: new Uint8Array(16),
  timeoutMs: SESSION_MS,
};

/** What the link needs. */
export interface MainLinkParts {
  readonly dialer: Dialer;
  readonly credentials: () => readonly Credential[];
  readonly onEvent: (path: string) => void;
}

interface Link {
  readonly connection: ZkConnection;
  /** The credentials that were said on it. */
  readonly as: string;
}

/** The one connection of that session. */
export class MainLink {
  readonly #parts: MainLinkParts;
  #link: Link | null = null;
  #dialing: Promise<ZkConnection> | null = null;

  constructor(parts: MainLinkParts) {
    this.#parts = parts;
  }

  /**
   * The connection, which is opened if it is not there.
   *
   * @throws {DcsUnreachableError} If there is none in time.
   * @throws {DcsRefusedError} If all servers refuse.
   */
  async connection({ timeoutMs }: DcsLimits): Promise<ZkConnection> {
    const link = this.#link;
    if (link?.connection.isOpen === true) {
      if (link.as === this.#asks()) return link.connection;
      this.#end(link, "other credentials");
    }
    this.#dialing ??= this.#dial();
    const { dialer } = this.#parts;
    return await within(this.#dialing, timeoutMs, () => dialer.tooLate());
  }

  /** Ends the session. */
  close(): void {
    if (this.#link !== null) this.#end(this.#link, "the client is closed");
  }

  async #dial(): Promise<ZkConnection> {
    const { dialer, onEvent } = this.#parts;
    const as = this.#asks();
    try {
      const { connection } = await dialer.open({
        ...{ session: NEW_SESSION, pingEveryMs: PING_EVERY_MS, onEvent },
        timeoutMs: DIAL_MS,
      });
      const link = { connection, as };
      if (connection.isOpen) this.#link = link;
      connection.ended.then(() => this.#forget(link));
      return connection;
    } finally {
      this.#dialing = null;
    }
  }

  /** Its server comes last, unless it was given up here. */
  #forget(link: Link): void {
    if (this.#link !== link) return;
    this.#link = null;
    this.#parts.dialer.leave(link.connection.address);
  }

  #end(link: Link, why: string): void {
    this.#link = null;
    link.connection.leave(why);
  }

  #asks(): string {
    return JSON.stringify(this.#parts.credentials());
  }
}

/** The result, if it comes in time; else it goes on without this caller. */
export async function within<T>(
  result: Promise<T>,
  timeoutMs: number,
  tooLate: () => Error,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(tooLate()),
    timerMs(timeoutMs),
  );
  try {
    return await Promise.race([result, late.promise]);
  } finally {
    clearTimeout(timer);
    result.catch(() => {});
  }
}
