/**
 * Runs the user's callback programs with `<action> <role> <scope>` appended.
 * Nobody waits for them and their exit codes do not matter; on_reload has a lane
 * of its own, so that a reload never ends an on_role_change.
 *
 * Source: docs/contract/ha.md 18.
 */
import type { CallbackEvent, Callbacks } from "../../ports/callbacks.ts";
import type { Log } from "../../ports/log.ts";
import { CallbackLane } from "./callback_lane.ts";
import { timerMs } from "../../core/base/units.ts";

/** What is configured. */
interface CallbacksOptions {
  readonly scope: string;
  /** Words of the command by event, asked at every event so that a reload takes effect. */
  readonly commands: () => Readonly<
    Partial<Record<CallbackEvent, readonly string[]>>
  >;
  readonly log: Log;
  /** How long `close()` waits for what still runs. */
  readonly closeTimeoutMs?: number;
  /** How long an on_reload has between SIGTERM and SIGKILL. */
  readonly reloadGraceMs?: number;
}

const CLOSE_TIMEOUT_MS = 5_000;
const RELOAD_GRACE_MS = 10_000;

/** {@link Callbacks} as programs. */
export class CallbacksExec implements Callbacks {
  readonly #options: CallbacksOptions;
  readonly #main: CallbackLane;
  readonly #reload: CallbackLane;

  constructor(options: CallbacksOptions) {
    this.#options = options;
    this.#main = new CallbackLane({ kind: "kill" }, options.log);
    this.#reload = new CallbackLane({
      kind: "terminate",
      graceMs: options.reloadGraceMs ?? RELOAD_GRACE_MS,
    }, options.log);
  }

  fire(event: CallbackEvent, role: string): void {
    const { commands, scope } = this.#options;
    const [program, ...words] = commands()[event] ?? [];
    if (program === undefined) return;
    const command = [program, ...words].join(" ");
    const shownRole = role === "promoted" ? "primary" : role;
    const lane = event === "on_reload" ? this.#reload : this.#main;
    lane.put({ program, args: [...words, event, shownRole, scope], command });
  }

  /** Waits a little for what runs (on_stop!), then leaves it to itself. */
  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(
      resolve,
      timerMs(this.#options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS),
    );
    await Promise.race([
      Promise.all([this.#main.idle(), this.#reload.idle()]),
      promise,
    ]);
    clearTimeout(timer);
    this.#main.abandon();
    this.#reload.abandon();
  }
}
