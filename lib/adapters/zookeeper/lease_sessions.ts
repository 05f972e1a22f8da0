/**
 * The sessions that keys hang on. Nothing keeps them alive but a renewal.
 *
 * Why a renewal is no ping: a follower answers pings by itself, and goes on with
 * it for a while after it was cut off from the others, which end the session
 * meanwhile (measured: the holder's deadline lay 7 s after the key was gone). So
 * a renewal joins the session on a new connection: for that the follower has to
 * ask its leader, who starts the session's time anew there and then. Afterwards a
 * transaction shows that a majority still followed that leader: one that has been
 * replaced, and does not know it yet, would have given time that is not its own.
 * Whoever leads next starts all sessions' times from the beginning, later than
 * that.
 */
import {
  after,
  remainingMs,
  type SessionId,
  sessionId,
} from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits, DcsSession, RenewAnswer } from "../../ports/dcs.ts";
import { DcsRefusedError } from "../../ports/errors.ts";
import { again } from "./again.ts";
import { proveMajority } from "./calls.ts";
import type { ZkConnection } from "./connection.ts";
import type { Dialer } from "./dialer.ts";
import { SessionEndedError } from "./errors.ts";
import type { GrantedSession } from "./messages.ts";
import { within } from "./main_link.ts";

/** Older ones of this process are over, or nobody needs them. */
const SESSIONS_MAX = 4;
/** So long a renewal waits for answers that its new connection would cut off. */
const BUSY_MS_MAX = 300;
const LOOK_AGAIN_MS = 10;
/** ZooKeeper takes an int32. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;
const PASSWORD_BYTES = 16;

interface Lease {
  readonly granted: GrantedSession;
  /** Null: it was lost, and the next use joins the session anew. */
  connection: ZkConnection | null;
  /** Settles when nobody joins it any more. */
  joining: Promise<boolean> | null;
}

/** What the sessions need. */
export interface LeaseParts {
  readonly dialer: Dialer;
  readonly clock: Clock;
}

/** The sessions that this process opened last. */
export class LeaseSessions {
  readonly #parts: LeaseParts;
  readonly #leases = new Map<SessionId, Lease>();
  #held: bigint | null = null;

  constructor(parts: LeaseParts) {
    this.#parts = parts;
  }

  /** The session that was opened last, as nodes name it; null: none was. */
  get held(): bigint | null {
    return this.#held;
  }

  /** A new session. */
  async open(ttlMs: number, { timeoutMs }: DcsLimits): Promise<DcsSession> {
    const session = {
      id: 0n,
      password: new Uint8Array(PASSWORD_BYTES),
      timeoutMs: Math.min(Math.ceil(ttlMs), TIMEOUT_MS_MAX),
    };
    const { connection, granted } = await this.#dial(session, timeoutMs);
    const id = sessionOf(granted.id);
    this.#add(id, { granted, connection, joining: null });
    this.#held = granted.id;
    return { id, ttlMs: granted.timeoutMs };
  }

  /** One renewal. */
  async renew(id: SessionId, { timeoutMs }: DcsLimits): Promise<RenewAnswer> {
    const { clock } = this.#parts;
    const deadline = after(clock.now(), timeoutMs);
    const left = (): number => remainingMs(deadline, clock.now());
    const lease = this.#leases.get(id);
    if (lease === undefined) return "gone";
    const connect = async (limits: DcsLimits): Promise<ZkConnection> => {
      const isThere = await this.#joinAnew(id, lease, limits.timeoutMs);
      if (!isThere || lease.connection === null) throw new SessionEndedError();
      return lease.connection;
    };
    try {
      await again(
        { connect, clock, left },
        (connection, leftNow) => proveMajority(connection, leftNow()),
      );
      return "alive";
    } catch (error) {
      if (!(error instanceof SessionEndedError)) throw error;
      this.forget(id);
      return "gone";
    }
  }

  /** A connection on the session; null: that is gone. */
  async connection(
    id: SessionId,
    { timeoutMs }: DcsLimits,
  ): Promise<ZkConnection | null> {
    const lease = this.#leases.get(id);
    if (lease === undefined) return null;
    if (lease.connection?.isOpen === true && lease.joining === null) {
      return lease.connection;
    }
    const isThere = await this.#join(id, lease, timeoutMs);
    return isThere ? lease.connection : null;
  }

  /** The session was told to be gone. */
  forget(id: SessionId): void {
    this.#leases.get(id)?.connection?.close("its session is gone");
    this.#leases.delete(id);
  }

  /**
   * Joins the session, and not along with somebody who began before: what that
   * one is given was counted from an earlier moment than this call's.
   */
  async #joinAnew(
    id: SessionId,
    lease: Lease,
    timeoutMs: number,
  ): Promise<boolean> {
    const { clock, dialer } = this.#parts;
    const deadline = after(clock.now(), timeoutMs);
    const left = (): number => remainingMs(deadline, clock.now());
    const busyUntil = after(clock.now(), Math.min(BUSY_MS_MAX, timeoutMs / 4));
    for (;;) {
      const { joining, connection } = lease;
      const isBusy = connection?.isBusy === true && clock.now() < busyUntil;
      if (joining === null && !isBusy) break;
      if (joining !== null) {
        const earlier = joining.catch(() => false);
        await within(earlier, left(), () => dialer.tooLate());
      }
      // Whoever waited for that connection gets to use it.
      await clock.sleep(LOOK_AGAIN_MS);
    }
    return await this.#join(id, lease, left());
  }

  /** Joins the session on a new connection; false: it is gone. */
  async #join(
    id: SessionId,
    lease: Lease,
    timeoutMs: number,
  ): Promise<boolean> {
    lease.joining ??= this.#rejoin(id, lease, timeoutMs)
      .finally(() => lease.joining = null);
    const { dialer } = this.#parts;
    return await within(lease.joining, timeoutMs, () => dialer.tooLate());
  }

  async #rejoin(
    id: SessionId,
    lease: Lease,
    timeoutMs: number,
  ): Promise<boolean> {
    const { connection, granted } = await this.#dial(lease.granted, timeoutMs);
    const old = lease.connection;
    if (granted.timeoutMs === 0) {
      connection.close("its session is gone");
      this.forget(id);
      return false;
    }
    lease.connection = connection;
    old?.close("another connection has its session");
    const { address, host } = connection;
    if (granted.timeoutMs < lease.granted.timeoutMs) {
      this.#parts.dialer.leave(address);
      throw new DcsRefusedError(
        `ZooKeeper at ${host} keeps a session for ${granted.timeoutMs} ms, ` +
          `and another server promised ${lease.granted.timeoutMs} ms: set ` +
          "maxSessionTimeout alike on all servers",
      );
    }
    return true;
  }

  async #dial(session: GrantedSession, timeoutMs: number) {
    // No sign of life: the session ends by itself if nobody renews it.
    return await this.#parts.dialer.open({
      ...{ session, timeoutMs, pingEveryMs: null },
      onEvent: () => {},
    });
  }

  #add(id: SessionId, lease: Lease): void {
    this.#leases.set(id, lease);
    const [oldest] = this.#leases.keys();
    if (this.#leases.size > SESSIONS_MAX && oldest !== undefined) {
      this.forget(oldest);
    }
  }
}

/** A session as the port names it: as ZooKeeper's own logs do. */
function sessionOf(owner: bigint): SessionId {
  return sessionId(`0x${BigInt.asUintN(64, owner).toString(16)}`);
}

/** The number by which nodes name that session. */
export function ownerOf(session: SessionId): bigint {
  return BigInt.asIntN(64, BigInt(session));
}
