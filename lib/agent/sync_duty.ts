/**
 * A synchronous replica that is about to stop asks its leader not to wait for it
 * any more, so that no commit hangs on it meanwhile.
 *
 * Source: docs/contract/ha.md 11.6.
 */
import { isInSync } from "../core/calc/lead/candidates.ts";
import { after, remainingMs } from "../core/base/units.ts";
import type { MemberName, Tags } from "../core/model/member.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { Inbox } from "./inbox.ts";
import type { SeenScope } from "./last_view.ts";
import type { Remembering } from "./memory.ts";
import type { ScopeReader } from "./scope_reader.ts";

/** How often the sync key is looked at. */
const LOOK_AGAIN_MS = 500;
const LOOK_MAX_MS = 3_000;

/** What the duty is known by, and given back with. */
interface DutyParts {
  readonly clock: Clock;
  readonly log: Pick<Log, "info" | "warning">;
  readonly reader: Pick<ScopeReader, "freshView">;
  readonly memory: Remembering;
  readonly last: SeenScope;
  readonly inForce: SettingsInForce;
  readonly inbox: Pick<Inbox, "wake">;
  readonly config: () => {
    readonly self: MemberName;
    readonly tags: Pick<Tags, "isNosync">;
  };
}

/** The duty of one member. */
export class SyncDuty {
  readonly #parts: DutyParts;

  constructor(parts: DutyParts) {
    this.#parts = parts;
  }

  /** True for a replica that commits may wait for; the last view may be too old to tell. */
  get isHeld(): boolean {
    const { inForce: { settings }, last: { view } } = this.#parts;
    const { self, tags } = this.#parts.config();
    const isOn = settings.synchronousMode !== "off" &&
      !settings.isStandbyCluster;
    return isOn && !tags.isNosync && view !== null &&
      view.leader !== null && view.leader.name !== self;
  }

  /** Does `work` without the duty; the next cycle of the loop tells the leader. */
  async without(work: () => Promise<void>): Promise<void> {
    if (!this.isHeld) return await work();
    try {
      await this.release(() => {
        // The loop goes on while a task runs; its next cycle publishes.
        this.#parts.inbox.wake();
        return Promise.resolve();
      });
      await work();
    } finally {
      this.#resume();
    }
  }

  /**
   * Gives the duty back and waits until the sync key agrees, at most two loop_wait.
   * Errors end the wait: the restart was asked for.
   *
   * @param publish Writes the member key, now that it says "nosync".
   */
  async release(publish: () => Promise<void>): Promise<void> {
    const { clock, log, memory, inForce, reader, config } = this.#parts;
    memory.remember({ kind: "sync_duty", isReleased: true });
    const { loopWaitMs, retryTimeoutMs } = inForce.settings;
    const deadline = after(clock.now(), 2 * loopWaitMs);
    log.info("Waiting for primary to release us from synchronous standby");
    try {
      await publish();
      while (remainingMs(deadline, clock.now()) > 0) {
        const timeoutMs = Math.min(LOOK_MAX_MS, retryTimeoutMs);
        const view = await reader.freshView({ timeoutMs });
        if (!isInSync(view, config().self)) return;
        await clock.sleep(LOOK_AGAIN_MS);
      }
      log.warning("The primary still waits for this replica; going on");
    } catch (error) {
      log.warning(
        `Cannot see whether the primary waits for us: ${String(error)}`,
      );
    }
  }

  /** The replica is back. */
  #resume(): void {
    this.#parts.memory.remember({ kind: "sync_duty", isReleased: false });
    this.#parts.inbox.wake();
  }
}
