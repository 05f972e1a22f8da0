/**
 * Whose turn it is in a session whose backend is about to be stopped as planned.
 * There PostgreSQL ends by itself each session that rests outside a transaction,
 * after 20 ms (`drain.ts`). A client that never rests would escape that, so what
 * it says after an answer is held back a little longer than those 20 ms: either
 * the session is ended before its next transaction begins, or it is inside one
 * and goes on, a little slower.
 *
 * Only bytes are seen, and with TLS not even what they mean. Without it the end
 * of an answer tells whether a transaction is open, and then nothing is held.
 */

/** Source: PostgreSQL 15 manual, "Message Formats": ReadyForQuery is `Z`, its length, the status. */
const READY_FOR_QUERY = [0x5a, 0, 0, 0, 5] as const;
/** `T` in a transaction, `E` in one that has failed. */
const OPEN_STATUSES: readonly number[] = [0x54, 0x45];

/** Knows whether what a client says next would begin a turn. */
export class Turns {
  /** What came before is not known: the client may be about to begin. */
  #mayBegin = true;

  /** Whether what the client says now has to wait. */
  get mustWait(): boolean {
    return this.#mayBegin;
  }

  /** The backend has spoken; `length` bytes of `bytes` are new. */
  onAnswer(bytes: Uint8Array, length: number): void {
    this.#mayBegin = !isTransactionOpen(bytes, length);
  }

  /** The client has waited; it may go on until the backend speaks again. */
  onWaited(): void {
    this.#mayBegin = false;
  }
}

function isTransactionOpen(bytes: Uint8Array, length: number): boolean {
  const at = length - READY_FOR_QUERY.length - 1;
  if (at < 0) return false;
  return READY_FOR_QUERY.every((byte, i) => bytes[at + i] === byte) &&
    OPEN_STATUSES.includes(bytes[length - 1] ?? 0);
}
