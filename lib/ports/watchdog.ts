/**
 * The watchdog device: resets the host when nobody tells it in time that all is
 * well. All calls are synchronous: they are made between a renewal's answer and
 * the next thing, and a driver answers at once.
 */

/** A device that was made ready. */
export interface WatchdogActivation {
  /** What the driver says it will wait, in seconds; null: it does not tell. */
  readonly timeoutS: number | null;
}

/** One device. The methods that touch it throw {@link WatchdogError}. */
export interface Watchdog {
  /** As configured, for texts. */
  readonly device: string;
  readonly isActive: boolean;
  /** Whether it could be opened for writing; does not open it, which would start it. */
  isUsable(): boolean;
  /** Opens it, which starts it, and sets its timeout as near as the driver can. */
  activate(timeoutS: number): WatchdogActivation;
  /** Changes the timeout of an active device. */
  setTimeout(timeoutS: number): WatchdogActivation;
  keepalive(): void;
  /** Magic close; nothing if it is not active. */
  disable(): void;
  /** One line for the log: the driver's own name for itself. */
  describe(): string;
}

/** The device refused. The message is one sentence for an operator. */
export class WatchdogError extends Error {
  override readonly name: string = "WatchdogError";
}
