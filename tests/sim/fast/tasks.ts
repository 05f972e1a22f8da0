/**
 * Long work of a fast agent; the mirror of `lib/agent/tasks.ts` and `demote.ts`.
 */
import { promoteBudgetMs } from "../../../lib/core/calc/lead/budgets.ts";
import {
  readySuccessors,
  successors,
} from "../../../lib/core/calc/lead/successors.ts";
import { lsn, moment } from "../../../lib/core/base/units.ts";
import type {
  LongTask,
  TaskOutcome,
  TaskView,
} from "../../../lib/core/model/task_view.ts";
import type { Stop } from "../world/instance.ts";
import type { FastAgent } from "./agent.ts";
import { ask } from "./act.ts";
import { type Process, run, sleep } from "./process.ts";

type Result = TaskOutcome["result"];
type TaskOf<K extends LongTask["kind"]> = Extract<LongTask, { kind: K }>;

interface Running {
  readonly view: Extract<TaskView, { kind: "running" }>;
  isAborted: boolean;
  readonly onAbort: (() => void)[];
  readonly onEnd: (() => void)[];
}

const SUCCESSOR_POLL_MS = 100;
const KILL_RESERVE_MS = 1_000;
const PG_CTL_TIMEOUT_MS = 60_000;
const AT_ONCE: Stop = {
  mode: "immediate",
  isCheckpointFirst: false,
  onCheckpoint: null,
};

/** Runs one long task at a time. */
export class Tasks {
  readonly #agent: FastAgent;
  #running: Running | null = null;

  constructor(agent: FastAgent) {
    this.#agent = agent;
  }

  get view(): TaskView {
    return this.#running?.view ?? { kind: "idle" };
  }

  /** Cancels what runs, then begins `task`. */
  *start(task: LongTask): Process<void> {
    yield* this.cancel();
    const agent = this.#agent;
    const startedAt = moment(agent.site.host.localNow);
    const running: Running = {
      view: { kind: "running", task, startedAt },
      isAborted: false,
      onAbort: [],
      onEnd: [],
    };
    this.#running = running;
    run(agent.site.host, this.#body(task, running), (result) => {
      this.#running = null;
      const endedAt = moment(agent.site.host.localNow);
      const outcome = { task, result, detail: result, endedAt };
      agent.remember({ kind: "task_ended", outcome });
      agent.note(() => `task ${task.kind} ${result}`);
      if (task.kind === "restart") agent.request = null;
      for (const resume of running.onEnd) resume();
      agent.wake();
    });
  }

  /** Aborts the running task and waits for its end. */
  *cancel(): Process<void> {
    const running = this.#running;
    if (running === null) return;
    running.isAborted = true;
    for (const abort of running.onAbort) abort();
    if (this.#running === running) {
      yield (resume) => running.onEnd.push(resume);
    }
  }

  *#body(task: LongTask, running: Running): Process<Result> {
    const { instance } = this.#agent.site;
    switch (task.kind) {
      case "bootstrap":
        return yield* this.#bootstrap();
      case "finish_restore":
        // Nobody restores backups in the model.
        return "failed";
      case "clone":
        if (task.source === null) return "failed";
        return yield* this.#clone(task.source);
      case "start":
        return yield* this.#start(task, running);
      case "restart":
        return yield* this.#restart(task, running);
      case "follow":
        yield sleep(this.#agent.site.host, 20);
        instance.replication.follow(task.upstream);
        return "done";
      case "promote":
        return yield* this.#promote(running);
      case "demote":
        return yield* this.#demote(task, running);
      case "rewind":
        return yield* this.#rewind(task.source);
      case "remove_data":
      case "set_aside":
        return yield* this.#removeData();
      case "copy_slots":
        // Slots are not part of the model.
        return "done";
      case "reinitialize":
        yield* this.#removeData();
        return yield* this.#clone(task.source);
    }
  }

  *#bootstrap(): Process<Result> {
    const { instance } = this.#agent.site;
    let isDone = false;
    yield (resume) =>
      instance.bootstrap((value) => {
        isDone = value;
        resume();
      });
    if (isDone) return "done";
    yield* this.#agent.call((s) => s.deleteBootstrapping(), 10_000);
    instance.removeData();
    return "failed";
  }

  *#clone(source: string): Process<Result> {
    let isDone = false;
    yield (resume) =>
      this.#agent.site.instance.clone(source, (value) => {
        isDone = value;
        resume();
      });
    return isDone ? "done" : "failed";
  }

  *#start(task: TaskOf<"start">, running: Running): Process<Result> {
    const agent = this.#agent;
    const { instance, host } = agent.site;
    const { timeoutMs } = task;
    const at = moment(host.localNow);
    agent.remember({ kind: "starting", at, timeoutMs });
    if (task.as === "standby") instance.replication.follow(task.upstream);
    let result: Result = "done";
    yield (resume) => {
      running.onAbort.push(() => {
        result = "cancelled";
        resume();
      });
      host.after(timeoutMs || PG_CTL_TIMEOUT_MS, resume);
      instance.start(task.as, (isRunning) => {
        result = isRunning ? "done" : "failed";
        resume();
      });
    };
    return result;
  }

  *#restart(task: TaskOf<"restart">, running: Running): Process<Result> {
    const { instance } = this.#agent.site;
    const isStandby = instance.data?.isStandby === true;
    yield* this.#stop({
      mode: "fast",
      isCheckpointFirst: true,
      onCheckpoint: null,
    });
    if (running.isAborted) return "cancelled";
    const as = isStandby ? "standby" : "primary";
    const { upstream } = instance.replication;
    const { timeoutMs } = task;
    return yield* this.#start(
      { kind: "start", as, upstream: isStandby ? upstream : null, timeoutMs },
      running,
    );
  }

  *#promote(running: Running): Process<Result> {
    const agent = this.#agent;
    const { host, instance } = agent.site;
    const { bug } = agent.driver;
    const { deadline } = agent.leases;
    const leftMs = deadline === null ? 0 : deadline - host.localNow;
    const isShort = leftMs < promoteBudgetMs(agent.settings) &&
      bug !== "promotion_without_budget";
    const isForbidden = agent.driver.world.isPromotionForbidden();
    if (isForbidden && !agent.settings.isPaused) {
      const at = moment(host.localNow);
      agent.remember({ kind: "pre_promote_failed", at });
      return "failed";
    }
    if (isShort || running.isAborted) return "cancelled";
    let isDone = false;
    yield (resume) => {
      running.onAbort.push(resume);
      instance.promote((isPrimary) => {
        isDone = isPrimary;
        resume();
      });
    };
    if (isDone) return "done";
    yield* this.#stop(AT_ONCE);
    return running.isAborted ? "cancelled" : "failed";
  }

  *#rewind(source: string): Process<Result> {
    const agent = this.#agent;
    const { instance } = agent.site;
    yield* this.#stop({
      mode: "fast",
      isCheckpointFirst: false,
      onCheckpoint: null,
    });
    let isDone = false;
    yield (resume) =>
      instance.rewind(source, (value) => {
        isDone = value;
        resume();
      });
    return isDone ? "done" : "failed";
  }

  *#removeData(): Process<Result> {
    yield* this.#stop(AT_ONCE);
    this.#agent.site.instance.removeData();
    this.#agent.remember({ kind: "divergence", value: "suspected" });
    return "done";
  }

  *#stop(how: Stop): Process<void> {
    yield (resume) => this.#agent.site.instance.stop(how, resume);
  }

  *#demote(task: TaskOf<"demote">, running: Running): Process<Result> {
    const agent = this.#agent;
    const { instance, host } = agent.site;
    switch (task.how) {
      case "graceful":
        return yield* this.handOver(running);
      case "immediate":
        yield* this.#stop(AT_ONCE);
        return yield* this.#release(null);
      case "cluster":
      case "immediate_nolock":
        agent.leases.forget();
        yield* this.#stop(AT_ONCE);
        return "done";
      case "offline": {
        const { deadline } = task;
        const leftMs = deadline === null ? 0 : deadline - host.localNow;
        const untilKillMs = Math.max(500, leftMs - KILL_RESERVE_MS);
        host.after(untilKillMs, () => instance.kill());
        yield* this.#stop({
          mode: "fast",
          isCheckpointFirst: false,
          onCheckpoint: null,
        });
        agent.leases.forget();
        return "done";
      }
    }
  }

  /** Stops in order, and releases as soon as a successor has everything. */
  *handOver(running: Running | null): Process<Result> {
    const { instance, host } = this.#agent.site;
    let position: number | null = null;
    let isReleased = false;
    let isDown = false;
    yield (resume) => {
      running?.onAbort.push(() => instance.stop(AT_ONCE, () => undefined));
      const onCheckpoint = (at: number): void => {
        position = at;
        run(host, this.#releaseWhenReceived(at, () => isDown), (done) => {
          isReleased = done;
        });
      };
      instance.stop(
        { mode: "fast", isCheckpointFirst: true, onCheckpoint },
        resume,
      );
    };
    isDown = true;
    return isReleased ? "done" : yield* this.#release(position);
  }

  *#releaseWhenReceived(
    position: number,
    isDown: () => boolean,
  ): Process<boolean> {
    const agent = this.#agent;
    while (!isDown()) {
      const { view, settings, self } = agent;
      if (view === null) return false;
      const answers = yield* ask(agent, successors({ self, settings }, view));
      const limits = { requiredLsn: lsn(position), leaderLsn: null };
      const ready = readySuccessors({ self, settings }, view, {
        answers,
        limits,
      });
      if (ready.length > 0) {
        yield* this.#release(position);
        return true;
      }
      yield sleep(agent.site.host, SUCCESSOR_POLL_MS);
    }
    return false;
  }

  *#release(position: number | null): Process<Result> {
    const agent = this.#agent;
    const timeoutMs = agent.settings.retryTimeoutMs;
    agent.leases.forget();
    if (position !== null) {
      yield* agent.call((store) => store.putStatus(position), timeoutMs);
    }
    return (yield* agent.leases.release(timeoutMs)) ? "done" : "failed";
  }
}
