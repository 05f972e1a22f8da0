/**
 * The long task that gives up the lead: stop the instance in the way that fits,
 * and settle the lease where that is still ours to do.
 */
import { remainingMs } from "../core/base/units.ts";
import type { LongTask } from "../core/model/task_view.ts";
import { abortOf, type Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Postgres } from "../ports/postgres.ts";
import type { ProxyProcess } from "../ports/proxy_process.ts";
import type { Announcer } from "./events.ts";
import type { Guards } from "./guards.ts";
import type { HandOver } from "./hand_over.ts";
import type { Heartbeats } from "./heartbeats.ts";
import type { LeadReturn } from "./lead_return.ts";
import type { LeadRight } from "./lead_right.ts";
import type { PoolerPause } from "./pooler_pause.ts";
import { checkpointBeforeDrain, stopAtOnce } from "./stops.ts";

/** Reserved at the end of an offline stop for the SIGKILL to work. */
const KILL_RESERVE_MS = 1_000;

type DemoteTask = Extract<LongTask, { kind: "demote" }>;

/** What a demotion works with. */
interface DemotionParts {
  readonly clock: Pick<Clock, "now">;
  readonly log: Pick<Log, "info" | "warning">;
  readonly postgres: Pick<Postgres, "server" | "data">;
  readonly proxy: Pick<ProxyProcess, "drain"> | null;
  readonly events: Pick<Announcer, "stop">;
  readonly heartbeats: Pick<Heartbeats, "standDown">;
  readonly guards: Pick<Guards, "standDown">;
  readonly right: Pick<LeadRight, "forget">;
  readonly handOver: Pick<HandOver, "run">;
  readonly leadReturn: LeadReturn;
  readonly poolerPause: Pick<PoolerPause, "begin" | "end">;
}

/** Makes a primary cease to be one. */
export class Demotion {
  readonly #parts: DemotionParts;

  constructor(parts: DemotionParts) {
    this.#parts = parts;
  }

  /** Resolves when the instance is down and the lease is settled. */
  async run(task: DemoteTask, signal: AbortSignal): Promise<void> {
    try {
      await this.#run(task, signal);
    } finally {
      this.#parts.poolerPause.end();
    }
  }

  async #run(task: DemoteTask, signal: AbortSignal): Promise<void> {
    const { events, log, poolerPause, proxy, right } = this.#parts;
    log.info(`Demoting self (${task.how.replaceAll("_", "-")})`);
    if (task.how === "graceful") {
      await checkpointBeforeDrain(this.#parts, signal);
      await poolerPause.begin(signal);
      await proxy?.drain(signal);
    }
    this.#parts.heartbeats.standDown();
    await this.#parts.guards.standDown();
    switch (task.how) {
      case "graceful":
        return await this.#parts.handOver.run(task.escalateAfterMs, signal);
      case "immediate":
        await events.stop(stopAtOnce());
        return await this.#parts.leadReturn.giveBack(null);
      case "immediate_nolock":
        right.forget();
        return await events.stop(stopAtOnce());
      case "cluster":
        return await this.#stopUnderLease(signal);
      case "offline":
        await this.#stopBefore(task.deadline);
        return right.forget();
    }
  }

  async #stopBefore(deadline: DemoteTask["deadline"]): Promise<void> {
    const leftMs = deadline === null
      ? 0
      : remainingMs(deadline, this.#parts.clock.now());
    await this.#parts.events.stop({
      mode: "fast",
      isCheckpointFirst: false,
      escalateAfterMs: Math.max(500, leftMs - KILL_RESERVE_MS),
      onShutdownCheckpoint: null,
    });
  }

  /** Stops in order; an abort (the lease runs out meanwhile) makes it an immediate stop. */
  async #stopUnderLease(signal: AbortSignal): Promise<void> {
    const { events, postgres } = this.#parts;
    const stopping = events.stop({
      mode: "fast",
      isCheckpointFirst: true,
      escalateAfterMs: null,
      onShutdownCheckpoint: null,
    });
    await Promise.race([stopping, abortOf(signal)]);
    if (signal.aborted) await postgres.server.stop(stopAtOnce());
    await stopping;
    if (!signal.aborted) await postgres.data.archiveShutdownWal(signal);
  }
}
