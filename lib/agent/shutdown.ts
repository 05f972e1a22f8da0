/**
 * The orderly end of the agent: clients are let go, the instance stops, replicas
 * have the shutdown checkpoint, then the lease goes back at once. In pause
 * nothing is touched.
 */
import { handOverPatienceMs, stopBudgetMs } from "../core/calc/lead/budgets.ts";
import { remainingMs } from "../core/base/units.ts";
import type { MemberName } from "../core/model/member.ts";
import { abortOf, type Clock } from "../ports/clock.ts";
import { DcsRefusedError, DcsUnreachableError } from "../ports/errors.ts";
import type { Log } from "../ports/log.ts";
import type { Postgres } from "../ports/postgres.ts";
import type { ProxyProcess } from "../ports/proxy_process.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { Announcer } from "./events.ts";
import type { Guards } from "./guards.ts";
import type { HandOver } from "./hand_over.ts";
import type { Heartbeats } from "./heartbeats.ts";
import type { LastTouch } from "./last_touch.ts";
import type { SeenScope } from "./last_view.ts";
import type { Deadline } from "./lead_right.ts";
import type { LeaseKeeper } from "./leases.ts";
import type { Remembering } from "./memory.ts";
import type { PoolerPause } from "./pooler_pause.ts";
import { checkpointBeforeDrain } from "./stops.ts";
import type { SyncDuty } from "./sync_duty.ts";
import type { TaskRunner } from "./task_runner.ts";

/** What a call of the store may take before the instance is down. */
const CALL_MS_MAX = 3_000;

/** What an orderly end works with. */
interface ShutdownParts {
  readonly clock: Clock;
  readonly log: Pick<Log, "info" | "warning">;
  readonly postgres: Pick<Postgres, "observe" | "server">;
  readonly proxy: Pick<ProxyProcess, "drain"> | null;
  readonly tasks: Pick<TaskRunner, "cancel">;
  readonly heartbeats: Pick<Heartbeats, "end" | "farewell">;
  readonly guards: Pick<Guards, "standDown">;
  readonly events: Pick<Announcer, "stop">;
  readonly handOver: Pick<HandOver, "run" | "hasSuccessor">;
  readonly poolerPause: Pick<
    PoolerPause,
    "isWanted" | "beginLast" | "finish"
  >;
  readonly syncDuty: Pick<SyncDuty, "isHeld" | "release">;
  readonly lastTouch: LastTouch;
  readonly right: Deadline;
  readonly leases: Pick<LeaseKeeper, "renew" | "release" | "isReleased">;
  readonly memory: Remembering;
  readonly last: SeenScope;
  readonly inForce: SettingsInForce;
  readonly config: () => { readonly self: MemberName };
}

/** Ends what the agent runs. */
export class Shutdown {
  readonly #parts: ShutdownParts;

  constructor(parts: ShutdownParts) {
    this.#parts = parts;
  }

  /** @param isPostgresLeft The instance is left as it is (wrong lineage). */
  async run(isPostgresLeft: boolean): Promise<void> {
    const { log, tasks, heartbeats, inForce, poolerPause } = this.#parts;
    await tasks.cancel();
    if (isPostgresLeft) return heartbeats.farewell();
    if (inForce.settings.isPaused) {
      log.info(
        "Leader key is not deleted and Postgresql is not stopped due paused state",
      );
      return heartbeats.farewell();
    }
    try {
      await this.#stopInstance();
      heartbeats.farewell();
      await this.#touchStopped();
    } catch (error) {
      const isStore = error instanceof DcsUnreachableError ||
        error instanceof DcsRefusedError;
      if (!isStore) throw error;
      log.warning(`Error communicating with DCS at shutdown: ${error.message}`);
    } finally {
      await poolerPause.finish();
    }
  }

  async #stopInstance(): Promise<void> {
    const { last, config, postgres, syncDuty, proxy, inForce } = this.#parts;
    const isLeader = last.view?.leader?.name === config().self;
    const view = await postgres.observe();
    if (isLeader && view.kind === "running" && view.role === "primary") {
      return await this.#handOverUnderLease();
    }
    if (syncDuty.isHeld && view.kind === "running") {
      await syncDuty.release(() => this.#announceStop());
    } else await this.#announceStop();
    // Its readers find another replica before this one goes.
    if (view.kind === "running") {
      await proxy?.drain(new AbortController().signal);
    }
    await this.#parts.guards.standDown();
    await this.#parts.events.stop({
      mode: "fast",
      isCheckpointFirst: false,
      escalateAfterMs: null,
      onShutdownCheckpoint: null,
    });
    if (isLeader) {
      const timeoutMs = inForce.settings.retryTimeoutMs;
      await this.#parts.leases.release({ timeoutMs });
    }
  }

  /** The loop has ended, so the lease is renewed here while the instance stops; if that fails, the stop gets short. */
  async #handOverUnderLease(): Promise<void> {
    const { handOver, inForce } = this.#parts;
    // Asked for when the clients are gone, which may take long.
    const patienceMs = () => handOverPatienceMs(inForce.settings);
    const giveUp = new AbortController();
    const done = new AbortController();
    const handing = this.#letClientsGo(giveUp.signal)
      .then(() => handOver.run(patienceMs(), giveUp.signal))
      .finally(() => done.abort());
    await Promise.all([handing, this.#renewUntil(done.signal, giveUp)]);
  }

  /** As before a planned switchover; an abort ends the patience. */
  async #letClientsGo(signal: AbortSignal): Promise<void> {
    const { right, proxy, heartbeats, guards } = this.#parts;
    // Without the right to lead nobody may write for one moment longer.
    if (right.deadline !== null) {
      await checkpointBeforeDrain(this.#parts, signal);
      await this.#pausePoolers(signal);
      await Promise.race([this.#announceStop(), abortOf(signal)]);
      await proxy?.drain(signal);
    }
    heartbeats.end();
    await guards.standDown();
  }

  /** Whom nobody follows lets clients see at once that there is no leader. */
  async #pausePoolers(signal: AbortSignal): Promise<void> {
    const { handOver, poolerPause } = this.#parts;
    if (!poolerPause.isWanted) return;
    if (await handOver.hasSuccessor()) await poolerPause.beginLast(signal);
  }

  async #announceStop(): Promise<void> {
    const { lastTouch, log } = this.#parts;
    try {
      await lastTouch.stopping({ timeoutMs: CALL_MS_MAX });
    } catch (error) {
      log.warning(
        `Cannot tell the DCS that this member stops: ${String(error)}`,
      );
    }
  }

  async #renewUntil(done: AbortSignal, giveUp: AbortController): Promise<void> {
    const { last, right, leases, clock, log, inForce } = this.#parts;
    const { loopWaitMs, ttlMs } = inForce.settings;
    const budgetMs = stopBudgetMs(inForce.settings);
    /** Until the stop has to be short; a released lease does not run out. */
    const spareMs = () =>
      right.deadline === null
        ? Infinity
        : remainingMs(right.deadline, clock.now()) - budgetMs;
    while (!done.aborted) {
      const restMs = Math.min(loopWaitMs, budgetMs, spareMs());
      if (restMs <= 0) return giveUp.abort();
      await clock.sleep(restMs, done);
      const timeoutMs = Math.min(CALL_MS_MAX, spareMs());
      const isDue = right.deadline !== null && timeoutMs > 0;
      if (done.aborted || !isDue || last.view === null) continue;
      const outcome = await leases.renew(last.view.leader, { ttlMs, timeoutMs })
        .catch(
          (error: unknown) =>
            log.warning(`Cannot renew the lease at shutdown: ${error}`),
        );
      if (outcome === "lost" && !leases.isReleased) return giveUp.abort();
    }
  }

  async #touchStopped(): Promise<void> {
    const { memory, lastTouch, inForce } = this.#parts;
    memory.remember({ kind: "sync_duty", isReleased: false });
    await lastTouch.stopped({ timeoutMs: inForce.settings.retryTimeoutMs });
  }
}
