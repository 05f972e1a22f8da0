/**
 * The bodies of the long tasks that fill the data directory, repair it, or give
 * it up: it is removed, moved aside, or replaced by a copy.
 */
import type { LongTask } from "../core/model/task_view.ts";
import { CancelledError, RewindNotBegunError } from "../ports/errors.ts";
import type { Log } from "../ports/log.ts";
import type { Postgres } from "../ports/postgres.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { Announcer } from "./events.ts";
import type { Remembering } from "./memory.ts";
import type { Neighbours } from "./neighbours.ts";
import type { ScopeStore } from "./scope_store.ts";

type TaskOf<K extends LongTask["kind"]> = Extract<LongTask, { kind: K }>;

/** What these tasks work with. */
interface DataParts {
  readonly log: Pick<Log, "error" | "warning">;
  readonly postgres: Pick<Postgres, "data" | "upstream">;
  readonly keys: Pick<ScopeStore, "cancelInitialize">;
  readonly neighbours: Pick<Neighbours, "addressOf" | "ownSlotName">;
  readonly events: Pick<Announcer, "running" | "stop">;
  readonly memory: Remembering;
  readonly inForce: SettingsInForce;
}

/** Fills and empties the data directory. */
export class DataTasks {
  readonly #parts: DataParts;

  constructor(parts: DataParts) {
    this.#parts = parts;
  }

  async bootstrap(signal: AbortSignal): Promise<void> {
    const { postgres, events } = this.#parts;
    try {
      await postgres.data.bootstrap(signal);
    } catch (error) {
      await this.#cancelInitialize();
      throw error;
    }
    events.running("on_start", "primary");
  }

  async finishRestore(signal: AbortSignal): Promise<void> {
    await this.#parts.postgres.data.finishRestore(signal);
  }

  async clone(
    { source, isBootstrapOwner }: TaskOf<"clone">,
    signal: AbortSignal,
  ): Promise<void> {
    const { postgres, neighbours } = this.#parts;
    const peer = source === null ? null : neighbours.addressOf(source);
    const slotName = peer?.remote === undefined
      ? neighbours.ownSlotName()
      : peer.remote.slotName;
    try {
      await postgres.data.clone(peer, slotName, signal);
    } catch (error) {
      if (isBootstrapOwner) await this.#leaveInitialize();
      throw error;
    }
  }

  async rewind(task: TaskOf<"rewind">, signal: AbortSignal): Promise<void> {
    const { postgres, log, neighbours, events, memory } = this.#parts;
    const source = neighbours.addressOf(task.source);
    await events.stop({
      mode: "fast",
      isCheckpointFirst: false,
      escalateAfterMs: 60_000,
      onShutdownCheckpoint: null,
    });
    try {
      await postgres.data.rewind(source, signal);
    } catch (error) {
      // Only a primary that is well and still refuses makes the failure final.
      const answer = await postgres.upstream.ask(source);
      const isFinal = !(error instanceof RewindNotBegunError) ||
        task.isLastAttempt;
      if (answer.kind === "answered" && !signal.aborted && isFinal) {
        log.error(`Failed to rewind from healthy primary: ${source.name}`);
        memory.remember({ kind: "divergence", value: "rewind_failed" });
      }
      throw error;
    }
  }

  /** What is worthless, or was given away by a setting. */
  async remove({ why }: TaskOf<"remove_data">): Promise<void> {
    const { postgres, log, memory } = this.#parts;
    log.warning(`Removing the data directory: ${why}`);
    await this.#stopForGood();
    await postgres.data.remove();
    memory.remember({ kind: "divergence", value: "suspected" });
  }

  /** A server that runs there was started by a person: it is not stopped, and the task fails. */
  async setAside({ why }: TaskOf<"set_aside">): Promise<void> {
    const { postgres, log, memory } = this.#parts;
    const path = await postgres.data.setAside();
    log.warning(`The data directory was moved to ${path}: ${why}`);
    memory.remember({ kind: "divergence", value: "suspected" });
  }

  /** What an operator gave away. */
  async reinitialize(
    task: TaskOf<"reinitialize">,
    signal: AbortSignal,
  ): Promise<void> {
    const { postgres, log, memory, neighbours } = this.#parts;
    log.warning("Removing the data directory: operator_request");
    await this.#stopForGood();
    memory.remember({ kind: "divergence", value: "suspected" });
    if (signal.aborted) throw new CancelledError("Reinitialize was cancelled");
    const source = neighbours.addressOf(task.source);
    const slotName = neighbours.ownSlotName();
    if (task.isForcedFromLeader) {
      return await postgres.data.basebackup(source, slotName, signal);
    }
    await postgres.data.reinitialize(source, slotName, signal);
  }

  async #stopForGood(): Promise<void> {
    await this.#parts.events.stop({
      mode: "immediate",
      isCheckpointFirst: false,
      escalateAfterMs: 30_000,
      onShutdownCheckpoint: null,
    });
  }

  /** The first copy of a standby cluster failed: somebody else may try. */
  async #leaveInitialize(): Promise<void> {
    this.#parts.memory.remember({ kind: "initialize", isOwner: false });
    await this.#cancelInitialize();
  }

  async #cancelInitialize(): Promise<void> {
    const { keys, inForce } = this.#parts;
    const timeoutMs = inForce.settings.retryTimeoutMs;
    await keys.cancelInitialize({ timeoutMs });
  }
}
