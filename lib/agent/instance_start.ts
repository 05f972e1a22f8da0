/** Starts the instance: with the fence at its side, and with help where a standby needs it. */
import type { Clock } from "../ports/clock.ts";
import { PostgresError } from "../ports/errors.ts";
import type { PostgresServer, StartMode } from "../ports/postgres.ts";
import type { Announcer } from "./events.ts";
import { type FenceWatchParts, untilFenceAnswers } from "./fence_watch.ts";
import type { Deadline } from "./lead_right.ts";
import type { Remembering } from "./memory.ts";
import type { Neighbours } from "./neighbours.ts";
import type { StartAid } from "./start_aid.ts";

/** What a start works with. */
interface StartParts extends FenceWatchParts {
  readonly clock: Clock;
  readonly postgres: { readonly server: Pick<PostgresServer, "start"> };
  readonly right: Deadline;
  readonly memory: Remembering;
  readonly startAid: Pick<StartAid, "during">;
  readonly events: Pick<Announcer, "await" | "running">;
  readonly neighbours: Pick<Neighbours, "standbyRole">;
}

/** How the instance is started. */
export interface StartRun {
  /** 0: as long as the local `pg_ctl_timeout` says. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** What the callbacks hear; null: nothing. */
  readonly event: "on_start" | "on_restart" | null;
}

/** Starts the instance for the long tasks. */
export class InstanceStart {
  readonly #parts: StartParts;

  constructor(parts: StartParts) {
    this.#parts = parts;
  }

  /** The callbacks hear of the event once the instance runs, however long that takes. */
  async run(mode: StartMode, run: StartRun): Promise<"running" | "starting"> {
    const { clock, events, memory, postgres, right, startAid, neighbours } =
      this.#parts;
    const { timeoutMs, signal, event } = run;
    const isPrimary = mode.kind === "primary";
    if (isPrimary) await untilFenceAnswers(this.#parts, right.deadline, signal);
    memory.remember({ kind: "starting", at: clock.now(), timeoutMs });
    const start = () => postgres.server.start(mode, timeoutMs, signal);
    const result = isPrimary ? await start() : await startAid.during(start);
    if (result.kind === "failed") throw new PostgresError(result.detail);
    if (event === null) return result.kind;
    if (result.kind === "starting") events.await(event);
    else {
      events.running(event, isPrimary ? "primary" : neighbours.standbyRole());
    }
    return result.kind;
  }
}
