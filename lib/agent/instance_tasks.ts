/**
 * The bodies of the long tasks that stop and start the instance over the data
 * that it has.
 */
import { isRestartedAsStandby } from "../core/calc/lead/restart_role.ts";
import type { LongTask } from "../core/model/task_view.ts";
import { CancelledError, PostgresError } from "../ports/errors.ts";
import type { Log } from "../ports/log.ts";
import type { Postgres, StartMode } from "../ports/postgres.ts";
import type { ProxyProcess } from "../ports/proxy_process.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { Announcer } from "./events.ts";
import type { Inbox } from "./inbox.ts";
import type { InstanceStart } from "./instance_start.ts";
import type { Remembered } from "./memory.ts";
import type { Neighbours } from "./neighbours.ts";
import { checkpointBeforeDrain } from "./stops.ts";
import type { SyncDuty } from "./sync_duty.ts";

type TaskOf<K extends LongTask["kind"]> = Extract<LongTask, { kind: K }>;

/** What these tasks work with. */
interface InstanceParts {
  readonly log: Pick<Log, "error" | "warning">;
  readonly postgres: Pick<
    Postgres,
    "observe" | "server" | "upstream" | "slots"
  >;
  readonly proxy: Pick<ProxyProcess, "drain" | "endDrain"> | null;
  readonly starter: InstanceStart;
  readonly syncDuty: Pick<SyncDuty, "without">;
  readonly neighbours: Pick<
    Neighbours,
    "addressOf" | "usualUpstream" | "standbyRole"
  >;
  readonly events: Pick<Announcer, "running">;
  readonly inbox: Pick<Inbox, "answer">;
  readonly memory: Remembered;
  readonly inForce: SettingsInForce;
}

/** Stops and starts. */
export class InstanceTasks {
  readonly #parts: InstanceParts;

  constructor(parts: InstanceParts) {
    this.#parts = parts;
  }

  async start(task: TaskOf<"start">, signal: AbortSignal): Promise<void> {
    await this.#parts.starter.run(this.#modeOf(task), {
      timeoutMs: task.timeoutMs,
      signal,
      event: "on_start",
    });
  }

  async restart(task: TaskOf<"restart">, signal: AbortSignal): Promise<void> {
    await this.#parts.syncDuty.without(() => this.#restart(task, signal));
  }

  async follow(task: TaskOf<"follow">, signal: AbortSignal): Promise<void> {
    const { events, postgres, neighbours, inForce, starter } = this.#parts;
    const upstream = task.upstream === null
      ? null
      : neighbours.addressOf(task.upstream);
    const change = await postgres.upstream.follow(upstream);
    if (change === "reloaded") {
      return events.running("on_reload", neighbours.standbyRole());
    }
    if (change === "unchanged") return;
    await postgres.server.stop({
      mode: "fast",
      isCheckpointFirst: true,
      escalateAfterMs: null,
      onShutdownCheckpoint: null,
    });
    const timeoutMs = inForce.settings.primaryStartTimeoutMs;
    await starter.run({ kind: "standby", upstream }, {
      timeoutMs,
      signal,
      event: "on_restart",
    });
  }

  /** Reads first: the instance only stops for slots that are really there. */
  async copySlots(
    task: TaskOf<"copy_slots">,
    signal: AbortSignal,
  ): Promise<void> {
    const { postgres, neighbours, syncDuty, inForce, starter } = this.#parts;
    const source = neighbours.addressOf(task.source);
    const files = await postgres.slots.fetch(source, task.slots);
    if (signal.aborted) throw new CancelledError("Copying slots was cancelled");
    if (files.length === 0) {
      throw new PostgresError(`No slot of ${task.source} can be copied yet`);
    }
    await syncDuty.without(async () => {
      await postgres.server.stop({
        mode: "fast",
        isCheckpointFirst: true,
        escalateAfterMs: null,
        onShutdownCheckpoint: null,
      });
      await postgres.slots.install(files);
      const upstream = neighbours.addressOf(task.upstream);
      const timeoutMs = inForce.settings.primaryStartTimeoutMs;
      await starter.run({ kind: "standby", upstream }, {
        timeoutMs,
        signal,
        event: null,
      });
    });
  }

  #modeOf(task: TaskOf<"start">): StartMode {
    if (task.as === "primary") return { kind: "primary" };
    const { upstream } = task;
    return {
      kind: "standby",
      upstream: upstream === null
        ? null
        : this.#parts.neighbours.addressOf(upstream),
    };
  }

  async #restart(task: TaskOf<"restart">, signal: AbortSignal): Promise<void> {
    const { postgres, proxy, memory } = this.#parts;
    // Looked at now, not when it was decided: the duty may have taken two
    // loop_wait to give back, and who promoted or demoted it by hand since then
    // must find it in that role again.
    const view = await postgres.observe();
    const isStandby = isRestartedAsStandby(view, memory.now.role);
    const isPrimary = view.kind === "running" && view.role === "primary";
    if (isPrimary) await checkpointBeforeDrain(this.#parts, signal);
    if (view.kind === "running") await proxy?.drain(signal);
    const state = await this.#stopAndStart(
      isStandby ? "standby" : "primary",
      task.timeoutMs,
      signal,
    ).finally(() => proxy?.endDrain());
    await this.#reportRestart(state);
  }

  async #reportRestart(state: "running" | "starting"): Promise<void> {
    const { inbox, postgres, log } = this.#parts;
    if (state === "starting") {
      const text = "postgres is still starting";
      return inbox.answer({ status: 503, text });
    }
    const after = await postgres.observe();
    if (after.kind !== "unresponsive") return;
    // It is up, but with these settings (pg_hba, password) not for the agent.
    const text = `restarted, but it does not answer the agent: ${after.detail}`;
    log.error(`PostgreSQL was ${text}`);
    inbox.answer({ status: 503, text });
  }

  async #stopAndStart(
    as: "standby" | "primary",
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<"running" | "starting"> {
    const { postgres, proxy, neighbours, starter } = this.#parts;
    await postgres.server.stop({
      mode: "fast",
      isCheckpointFirst: proxy === null,
      escalateAfterMs: null,
      onShutdownCheckpoint: null,
    });
    if (signal.aborted) throw new CancelledError("Restart was cancelled");
    // The upstream of now: while it stopped, somebody else may have come to lead.
    const mode: StartMode = as === "standby"
      ? { kind: "standby", upstream: neighbours.usualUpstream() }
      : { kind: "primary" };
    return await starter.run(mode, { timeoutMs, signal, event: "on_restart" });
  }
}
