/**
 * When a member whose data was filled again has everything that its leader had:
 * the leader is asked how far it is, and the member has to get there. Until then
 * it may lack what it acknowledged before its data was replaced.
 */
import type { Lsn, Revision } from "../core/base/units.ts";
import type { Observation } from "../core/model/observation.ts";
import { isOnStream } from "../core/calc/takeover/own_pledge.ts";
import { ownPosition } from "../core/model/postgres_view.ts";
import type { Postgres } from "../ports/postgres.ts";
import type { Log } from "../ports/log.ts";
import type { Addresses } from "./neighbours.ts";

/** Where is asked. */
interface CatchUpParts {
  readonly postgres: { readonly upstream: Pick<Postgres["upstream"], "ask"> };
  readonly neighbours: Addresses;
  readonly log: Pick<Log, "debug">;
}

/** What the leader had, asked while its WAL came in here. */
interface Goal {
  readonly term: Revision;
  readonly timeline: number;
  readonly lsn: Lsn;
}

/** The way of one member back to its leader's position. */
export class CatchUp {
  readonly #parts: CatchUpParts;
  #goal: Goal | null = null;
  #isDone = false;

  constructor(parts: CatchUpParts) {
    this.#parts = parts;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /**
   * After a cycle; asks the leader once per term and stream. What was reached
   * before a break, or before work on the data, counts for nothing. Never throws.
   */
  async look(o: Observation): Promise<void> {
    const { record } = o.pledge ?? {};
    const leader = o.dcs.kind === "reachable" ? o.dcs.view.leader : null;
    const isAsked = record?.kind === "behind" &&
      o.settings.takeover !== null && o.task.kind === "idle";
    if (!isAsked || leader === null || leader.name === o.self) {
      return this.#forget();
    }
    if (!isOnStream(o) || o.postgres.kind !== "running") return this.#forget();
    // One that was promoted while it was asked may have named its old timeline.
    const isOld = this.#goal?.term !== leader.revision ||
      this.#goal.timeline < o.postgres.timeline;
    if (isOld) {
      this.#goal = await this.#ask(leader.name, leader.revision);
    }
    const goal = this.#goal;
    const own = ownPosition(o.postgres);
    this.#isDone = goal !== null && own !== null && own >= goal.lsn &&
      o.postgres.timeline === goal.timeline;
  }

  #forget(): void {
    this.#goal = null;
    this.#isDone = false;
  }

  async #ask(name: string, term: Revision): Promise<Goal | null> {
    const { postgres, neighbours, log } = this.#parts;
    try {
      const answer = await postgres.upstream.ask(neighbours.addressOf(name));
      if (answer.kind !== "answered" || answer.isInRecovery) return null;
      const { timeline, endLsn } = answer;
      return endLsn === null ? null : { term, timeline, lsn: endLsn };
    } catch (error) {
      log.debug(`Cannot ask ${name} how far it is: ${String(error)}`);
      return null;
    }
  }
}
