/**
 * Long work outside of the cycle: one task at a time, cancellable, its end wakes
 * the loop. The only place of the agent that lets work run unawaited.
 */
import type {
  LongTask,
  TaskOutcome,
  TaskView,
} from "../core/model/task_view.ts";
import type { Clock } from "../ports/clock.ts";
import { CancelledError } from "../ports/errors.ts";

/** What a task does; an abort of the signal must end it soon. */
export type TaskBody = (signal: AbortSignal) => Promise<void>;

/** For who only wants to know what runs. */
export interface TaskSeen {
  readonly view: TaskView;
}

/** Runs long tasks. */
export class TaskRunner implements TaskSeen {
  readonly #clock: Clock;
  readonly #onEnd: (outcome: TaskOutcome) => void;
  #running: {
    readonly view: Extract<TaskView, { kind: "running" }>;
    readonly abort: AbortController;
    readonly ended: Promise<void>;
  } | null = null;

  constructor(clock: Clock, onEnd: (outcome: TaskOutcome) => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  get view(): TaskView {
    return this.#running?.view ?? { kind: "idle" };
  }

  /** Starts `body`; a task that is running is cancelled and waited for first. */
  async start(task: LongTask, body: TaskBody): Promise<void> {
    await this.cancel();
    const abort = new AbortController();
    const view = {
      kind: "running",
      task,
      startedAt: this.#clock.now(),
    } as const;
    const ended = this.#run(task, () => body(abort.signal));
    this.#running = { view, abort, ended };
  }

  /** Aborts the running task and waits for its end. */
  async cancel(): Promise<void> {
    this.#running?.abort.abort();
    await this.#running?.ended;
  }

  /** Resolves when no task is running. */
  async idle(): Promise<void> {
    await this.#running?.ended;
  }

  async #run(task: LongTask, body: () => Promise<void>): Promise<void> {
    // The microtask lets start() note the task before it can end.
    await Promise.resolve();
    const { result, detail } = await body().then(
      () => ({ result: "done", detail: "" } as const),
      (error: unknown) => ({
        result: error instanceof CancelledError ? "cancelled" : "failed",
        detail: error instanceof Error ? error.message : String(error),
      } as const),
    );
    this.#running = null;
    this.#onEnd({ task, result, detail, endedAt: this.#clock.now() });
  }
}
