/** Calls that may be sent twice, so that they outlast the loss of a connection. */
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import { DcsUnreachableError } from "../../ports/errors.ts";
import type { ZkConnection } from "./connection.ts";

const PAUSE_MS = 50;

/** Where a call is sent, and until when it is tried. */
export interface AgainOptions {
  readonly connect: (limits: DcsLimits) => Promise<ZkConnection>;
  readonly clock: Clock;
  /** Milliseconds until the limit. */
  readonly left: () => number;
}

/**
 * The call's result; it is sent once more on the next connection if it was lost
 * with its own, while there is time. Only for calls that change nothing.
 */
export async function again<T>(
  { connect, clock, left }: AgainOptions,
  call: (connection: ZkConnection) => Promise<T>,
): Promise<T> {
  for (;;) {
    const connection = await connect({ timeoutMs: left() });
    try {
      return await call(connection);
    } catch (error) {
      const isLost = error instanceof DcsUnreachableError &&
        !connection.isOpen;
      if (!isLost || left() <= PAUSE_MS) throw error;
      await clock.sleep(PAUSE_MS);
    }
  }
}
