/**
 * Opens connections: tries the servers in turn until one takes the session, or
 * the time is over. While an ensemble chooses its leader none of them does.
 */
import { after, remainingMs } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { DcsRefusedError } from "../../ports/errors.ts";
import { type OpenConnection, ZkConnection } from "./connection.ts";
import {
  refusal,
  RefusalError,
  StrangerError,
  textOf,
  unreachable,
} from "./errors.ts";
import { type HostSource, hostText } from "./hosts.ts";
import type { GrantedSession } from "./messages.ts";
import type { Credential, HostPort } from "./options.ts";
import type { TlsFiles } from "./tls.ts";

const ATTEMPT_MS_MIN = 500;
const ROUND_PAUSE_MS = 100;

/** What the connections of one client share. */
export interface DialerParts {
  readonly source: HostSource;
  readonly clock: Clock;
  /** Null: no TLS. */
  readonly tls: TlsFiles | null;
  readonly credentials: () => readonly Credential[];
}

/** What one connection is for. */
export interface Call {
  readonly session: GrantedSession;
  readonly pingEveryMs: number | null;
  readonly onEvent: (path: string) => void;
  readonly timeoutMs: number;
}

/** Opens the connections of one client. */
export class Dialer {
  readonly #parts: DialerParts;
  readonly #closing = new AbortController();

  constructor(parts: DialerParts) {
    this.#parts = parts;
  }

  /**
   * A connection on the session.
   *
   * @throws {DcsUnreachableError} If no server can be used in time.
   * @throws {DcsRefusedError} If all of them refuse, or are none.
   */
  async open(call: Call): Promise<OpenConnection> {
    const { source, clock } = this.#parts;
    const deadline = after(clock.now(), call.timeoutMs);
    const left = (): number => remainingMs(deadline, clock.now());
    for (;;) {
      const hosts = await source.hosts(left());
      const shareMs = Math.max(ATTEMPT_MS_MIN, left() / hosts.length);
      const errors: unknown[] = [];
      for (const host of hosts) {
        if (this.#closing.signal.aborted) throw closed();
        const timeoutMs = Math.min(shareMs, left());
        if (timeoutMs <= 0) break;
        try {
          return await this.#attempt(host, { ...call, timeoutMs });
        } catch (error) {
          errors.push(errorAt(host, error));
          source.leave(host);
        }
      }
      const refused = errors.find((one) => one instanceof DcsRefusedError);
      const isRefused = errors.every((one) => one instanceof DcsRefusedError);
      if (refused !== undefined && isRefused) throw refused;
      if (left() <= ROUND_PAUSE_MS) throw unreachable(errors.map(textOf));
      await clock.sleep(ROUND_PAUSE_MS, this.#closing.signal);
    }
  }

  /** A connection was lost, so its server comes last. */
  leave(host: HostPort): void {
    this.#parts.source.leave(host);
  }

  /** Ends all connections; later calls fail. */
  close(): void {
    this.#closing.abort();
  }

  async #attempt(address: HostPort, call: Call): Promise<OpenConnection> {
    const { clock, tls, credentials } = this.#parts;
    return await ZkConnection.open({
      ...call,
      ...{ address, clock, credentials: credentials() },
      tls: tls?.current() ?? null,
      signal: this.#closing.signal,
    });
  }
}

function closed(): Error {
  return unreachable(["the client is closed"]);
}

function errorAt(address: HostPort, error: unknown): Error {
  const host = hostText(address);
  if (error instanceof RefusalError) {
    return refusal(error.code, host, "a connection");
  }
  return error instanceof StrangerError
    ? new DcsRefusedError(
      `What answers at ${host} is not ZooKeeper, or wants TLS (use_ssl)`,
    )
    : new Error(`${host}: ${textOf(error)}`);
}
