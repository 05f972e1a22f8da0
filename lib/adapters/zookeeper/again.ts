/** Calls that may be sent twice, so that they outlast the loss of a connection. */
import { after, remainingMs } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import { DcsUnreachableError } from "../../ports/errors.ts";
import type { ZkConnection } from "./connection.ts";
import { ClosedError, SessionEndedError } from "./errors.ts";

const PAUSE_MS = 50;
/** A server that has not answered after this is asked again, or another one. */
const SILENT_MS = 1500;

/** Where a call is sent, and until when it is tried. */
export interface AgainOptions {
  readonly connect: (limits: DcsLimits) => Promise<ZkConnection>;
  readonly clock: Clock;
  /** Milliseconds until the limit. */
  readonly left: () => number;
}

/**
 * The call's result; it is sent once more on the next connection if its own was
 * lost, or nothing came on that for a while, as long as there is time. Only for
 * calls that change nothing.
 */
export async function again<T>(
  { connect, clock, left }: AgainOptions,
  call: (connection: ZkConnection, leftNow: () => number) => Promise<T>,
): Promise<T> {
  for (let silentMs = SILENT_MS;; silentMs *= 2) {
    try {
      const connection = await connect({ timeoutMs: left() });
      const until = after(clock.now(), silentMs);
      const leftNow = (): number =>
        Math.min(left(), remainingMs(until, clock.now()));
      return await call(connection, leftNow);
    } catch (error) {
      const isFinal = error instanceof SessionEndedError ||
        error instanceof ClosedError;
      const isLost = error instanceof DcsUnreachableError && !isFinal;
      if (!isLost || left() <= PAUSE_MS) throw error;
      await clock.sleep(PAUSE_MS);
    }
  }
}
