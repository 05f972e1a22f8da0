/**
 * The session of this process: on Kubernetes nothing but the leader key hangs on
 * one, and its signs of life are changes of the leader's record.
 */
import {
  type Revision,
  type SessionId,
  sessionId,
} from "../../core/base/units.ts";
import { DEFAULT_TTL_MS, termOf } from "./record.ts";
import type { LeaderState } from "./state.ts";

/** A session, and the term that it holds. */
interface Session {
  readonly id: SessionId;
  readonly ttlMs: number;
  /** Null: the leader key does not hang on it. */
  readonly term: Revision | null;
  /** The term ended in another way than by giving the key back. */
  readonly isOver: boolean;
}

/** The session that this process opened last. */
export class OwnSession {
  #session: Session | null = null;

  /** For records that do not say how long they last. */
  get ttlMs(): number {
    return this.#session?.ttlMs ?? DEFAULT_TTL_MS;
  }

  /** Of the leader key, if it hangs on this session. */
  get term(): Revision | null {
    const session = this.#session;
    return session === null || session.isOver ? null : session.term;
  }

  open(ttlMs: number): SessionId {
    const id = sessionId(crypto.randomUUID());
    this.#session = { id, ttlMs, term: null, isOver: false };
    return id;
  }

  /** The ttl of a session that can still carry a key; null: it is over, or was replaced. */
  ttlOf(id: SessionId): number | null {
    const session = this.#session;
    return session?.id === id && !session.isOver ? session.ttlMs : null;
  }

  /** The leader key hangs on it now. */
  bind(term: Revision): void {
    if (this.#session === null) return;
    this.#session = { ...this.#session, term, isOver: false };
  }

  /** What the store shows of the leader, after each look at it. */
  note({ object, record }: LeaderState): void {
    const session = this.#session;
    if (session === null || session.term === null || session.isOver) return;
    if (record !== null && termOf(record) === session.term) return;
    // Given back, or taken away: the session itself goes on, as it does on
    // other stores. Over is one that was not renewed, or replaced.
    const wasGivenBack = record === null &&
      (object === null || !Object.hasOwn(object.annotations, "leader"));
    this.#session = wasGivenBack
      ? { ...session, term: null }
      : { ...session, isOver: true };
  }
}
