/**
 * What a port call may fail with. Caught in `observe.ts` and `act.ts` (and their
 * proxy and CLI counterparts), where it becomes data.
 */

/** The store did not answer in time or could not be connected. The only failure that may mean "unreachable". */
export class DcsUnreachableError extends Error {
  override readonly name: string = "DcsUnreachableError";
}

/** The store answered, with a refusal that is not a failed compare (authentication, lease not found ...). */
export class DcsRefusedError extends Error {
  override readonly name: string = "DcsRefusedError";
}

/** A put named a session that is gone: nothing was written, a new session helps. */
export class SessionGoneError extends DcsRefusedError {
  override readonly name: string = "SessionGoneError";
}

/** PostgreSQL, or one of its programs, failed. The message is one sentence for an operator. */
export class PostgresError extends Error {
  override readonly name: string = "PostgresError";
}

/** A rewind failed before pg_rewind began: that says nothing of the data, and the cause (a full disk) may go away. */
export class RewindNotBegunError extends PostgresError {
  override readonly name: string = "RewindNotBegunError";
}

/** A long operation ended because its signal was aborted. */
export class CancelledError extends Error {
  override readonly name: string = "CancelledError";
}
