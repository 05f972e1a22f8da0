/** The user's programs that run on events (on_start, on_role_change ...). */

/** When a callback fires. */
export type CallbackEvent =
  | "on_start"
  | "on_stop"
  | "on_restart"
  | "on_reload"
  | "on_role_change";

/** Runs callbacks; the cycle never waits for them and their exit codes do not matter. */
export interface Callbacks {
  /** `role` as in the member key, `promoted` printed as `primary`. */
  fire(event: CallbackEvent, role: string): void;
  close(): Promise<void>;
}
