/**
 * Opens connections: tries the servers in turn until one takes the session, or
 * the time is over. While an ensemble chooses its leader none of them does.
 */
import { after, remainingMs } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  DcsRefusedError,
  type DcsUnreachableError,
} from "../../ports/errors.ts";
import { type OpenConnection, ZkConnection } from "./connection.ts";
import {
  ClosedError,
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
/** A silent server costs no more than this, where there is another one. */
const FIRST_ATTEMPT_MS_MAX = 1500;
/** Between two rounds, longer each time. */
const PAUSE_MS = 100;
const PAUSE_MS_MAX = 1000;

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
  /** What the attempts of the last round failed with. */
  #problems: readonly string[] = [];

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
    for (let round = 0;; round++) {
      if (this.#closing.signal.aborted) throw closed();
      const hosts = await source.hosts(left());
      const shareMs = shareOf(left(), hosts.length, round);
      const errors: unknown[] = [];
      for (const host of hosts) {
        if (this.#closing.signal.aborted) throw closed();
        const timeoutMs = Math.min(shareMs, left());
        if (timeoutMs <= 0) break;
        try {
          return await this.#attempt(host, { ...call, timeoutMs });
        } catch (error) {
          errors.push(errorAt(host, error));
          this.#problems = errors.map(textOf);
          source.leave(host);
        }
      }
      const refused = errors.find((one) => one instanceof DcsRefusedError);
      const isRefused = errors.every((one) => one instanceof DcsRefusedError);
      if (refused !== undefined && isRefused) throw refused;
      const pauseMs = Math.min(PAUSE_MS * 2 ** round, PAUSE_MS_MAX);
      if (left() <= pauseMs) throw unreachable(errors.map(textOf));
      await clock.sleep(pauseMs, this.#closing.signal);
    }
  }

  /** For whoever does not wait for the end of an attempt. */
  tooLate(): DcsUnreachableError {
    return unreachable([...this.#problems, "no answer in time"]);
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

/** What one attempt may take of the time that is left. */
function shareOf(leftMs: number, hosts: number, round: number): number {
  const shareMs = Math.max(ATTEMPT_MS_MIN, leftMs / hosts);
  const isFirst = round === 0 && hosts > 1;
  return isFirst ? Math.min(shareMs, FIRST_ATTEMPT_MS_MAX) : shareMs;
}

function closed(): Error {
  return new ClosedError("Cannot reach ZooKeeper: the client is closed");
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
