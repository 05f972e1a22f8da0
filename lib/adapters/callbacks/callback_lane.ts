/**
 * A lane in which one callback runs at a time: a new one ends the running one,
 * and of several that wait only the newest is started.
 *
 * Source: docs/contract/ha.md 18.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Log } from "../../ports/log.ts";
import { signalTree } from "./process_tree.ts";
import { timerMs } from "../../core/base/units.ts";

/** One call, ready to run. */
export interface CallbackCall {
  readonly program: string;
  readonly args: readonly string[];
  /** As configured, for the log. */
  readonly command: string;
}

/** How a running callback is ended by a newer one. */
type EndingStyle =
  | { readonly kind: "kill" }
  | { readonly kind: "terminate"; readonly graceMs: number };

interface Running {
  readonly call: CallbackCall;
  readonly pid: number;
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

/** Runs one callback at a time; the newest that waits comes next. */
export class CallbackLane {
  readonly #ending: EndingStyle;
  readonly #log: Log;
  #waiting: CallbackCall | null = null;
  #running: Running | null = null;
  #pump: Promise<void> | null = null;

  constructor(ending: EndingStyle, log: Log) {
    this.#ending = ending;
    this.#log = log;
  }

  /** Starts the call as soon as the one before it has been ended. */
  put(call: CallbackCall): void {
    this.#waiting = call;
    this.#pump ??= this.#run();
  }

  /** Resolves when nothing waits and nothing runs. */
  async idle(): Promise<void> {
    await this.#pump;
    await this.#running?.ended;
  }

  /** Leaves what still runs to itself; the program may end without it. */
  abandon(): void {
    this.#waiting = null;
    if (this.#running === null) return;
    const { child, call, pid } = this.#running;
    this.#log.warning(
      `The callback "${call.command}" (process ${pid}) still runs and is left`,
    );
    child.unref();
  }

  async #run(): Promise<void> {
    while (this.#waiting !== null) {
      await this.#endRunning();
      const call: CallbackCall | null = this.#waiting;
      this.#waiting = null;
      if (call !== null) this.#start(call);
    }
    // In the same breath as the last look at what waits: no call gets lost.
    this.#pump = null;
  }

  async #endRunning(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    if (this.#ending.kind === "terminate") {
      signalTree(running.pid, "SIGTERM");
      if (await endsWithin(running.ended, this.#ending.graceMs)) return;
    }
    signalTree(running.pid, "SIGKILL");
    await running.ended;
    this.#log.warning(
      `Killed ${running.call.command} because it was still running`,
    );
  }

  #start(call: CallbackCall): void {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const child = this.#spawn(call);
    if (child === null) return;
    child.once("error", (error) => {
      this.#logFailure(call, error);
      if (child.pid === undefined) resolve();
    });
    child.once("exit", () => {
      if (this.#running?.child === child) this.#running = null;
      resolve();
    });
    if (child.pid === undefined) return;
    this.#running = { call, child, pid: child.pid, ended };
  }

  #spawn(call: CallbackCall): ChildProcess | null {
    try {
      return spawn(call.program, call.args, {
        detached: true,
        stdio: ["ignore", "inherit", "inherit"],
      });
    } catch (error) {
      this.#logFailure(call, error);
      return null;
    }
  }

  #logFailure({ command }: CallbackCall, error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.#log.error(`Cannot run the callback "${command}": ${why}`);
  }
}

async function endsWithin(
  ended: Promise<void>,
  timeoutMs: number,
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), timerMs(timeoutMs));
  const hasEnded = await Promise.race([ended.then(() => true), promise]);
  clearTimeout(timer);
  return hasEnded;
}
