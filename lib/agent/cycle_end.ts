/** The end of a cycle: all who follow what it found are told, and it is published. */
import type { Observation } from "../core/model/observation.ts";
import { DcsRefusedError, DcsUnreachableError } from "../ports/errors.ts";
import type { Log } from "../ports/log.ts";
import type { Announcer } from "./events.ts";
import type { CatchUp } from "./catch_up.ts";
import type { DoubtWatch } from "./doubt_watch.ts";
import type { PulseDuty } from "./pulse_duty.ts";
import type { FailoverTraces } from "./failover_traces.ts";
import type { Guards } from "./guards.ts";
import type { Heartbeats } from "./heartbeats.ts";
import type { Remembered } from "./memory.ts";
import type { Notices } from "./notices.ts";
import type { Publisher } from "./publish.ts";
import { type RoleParts, settleRole } from "./role_settings.ts";
import type { StartAid } from "./start_aid.ts";
import type { TaskSeen } from "./task_runner.ts";

/** Who is told. */
interface CycleEndParts extends RoleParts {
  readonly log: Pick<Log, "warning" | "error">;
  readonly tasks: TaskSeen;
  readonly memory: Remembered;
  readonly events: Pick<Announcer, "look">;
  readonly heartbeats: Pick<Heartbeats, "settled">;
  readonly guards: Pick<Guards, "afterCycle">;
  readonly startAid: Pick<StartAid, "look" | "close">;
  readonly pulseDuty: Pick<PulseDuty, "follow" | "close">;
  readonly catchUp: Pick<CatchUp, "look">;
  readonly doubtWatch: Pick<DoubtWatch, "follow">;
  readonly notices: Pick<Notices, "follow">;
  readonly failoverTraces: Pick<FailoverTraces, "follow" | "close">;
  readonly publisher: Publisher;
}

/** Ends cycles. */
export class CycleEnd {
  readonly #parts: CycleEndParts;

  constructor(parts: CycleEndParts) {
    this.#parts = parts;
  }

  async run(o: Observation): Promise<void> {
    const { tasks, memory, events, heartbeats, guards, startAid } = this.#parts;
    const { pulseDuty, catchUp, doubtWatch, notices, failoverTraces } =
      this.#parts;
    await settleRole(this.#parts, o);
    const now = { ...o, task: tasks.view, memory: memory.now };
    events.look(now);
    heartbeats.settled(o);
    guards.afterCycle(now);
    startAid.look();
    pulseDuty.follow(now);
    doubtWatch.follow(now);
    notices.follow(now);
    failoverTraces.follow(now);
    await catchUp.look(now);
    await this.#publish(now);
    // A member that does not lead has asked the store just now.
    heartbeats.settled(o);
  }

  /** The loop has ended; what still runs for it ends as well. */
  close(): void {
    this.#parts.publisher.close();
    this.#parts.startAid.close();
    this.#parts.pulseDuty.close();
    this.#parts.failoverTraces.close();
  }

  async #publish(o: Observation): Promise<void> {
    const { publisher, log } = this.#parts;
    try {
      await publisher.publish(o);
    } catch (error) {
      const isStore = error instanceof DcsUnreachableError ||
        error instanceof DcsRefusedError;
      const text = error instanceof Error ? error.message : String(error);
      if (isStore) log.warning(`Error communicating with DCS: ${text}`);
      else log.error(`Cannot publish after a cycle: ${text}`);
    }
  }
}
