/**
 * Carries out one decision and says what the next round of the cycle looks at.
 * Whether to do it was decided before; how it is done stands in the acts of each
 * subject.
 */
import { explain } from "../core/explain.ts";
import type { Decision } from "../core/model/decision.ts";
import { laterInCycle } from "../core/model/lease_view.ts";
import type { MemberName } from "../core/model/member.ts";
import type { Observation } from "../core/model/observation.ts";
import type { LongTask } from "../core/model/task_view.ts";
import { DcsRefusedError, DcsUnreachableError } from "../ports/errors.ts";
import type { Log } from "../ports/log.ts";
import {
  AFTER_CONFLICT_MS,
  changed,
  type DecisionOf,
  type Outcome,
} from "./act_outcome.ts";
import type { AskActs } from "./ask_acts.ts";
import type { FencingActs } from "./fencing_acts.ts";
import type { FactsOfNow } from "./facts_of_now.ts";
import type { Inbox } from "./inbox.ts";
import type { KeyActs } from "./key_acts.ts";
import type { LeaseActs } from "./lease_acts.ts";
import type { Remembering } from "./memory.ts";
import type { TakeoverActs } from "./takeover_acts.ts";
import type { StoreView } from "./store_view.ts";
import type { TaskBody, TaskRunner } from "./task_runner.ts";

/** What follows a decision. */
export type Act =
  | { readonly kind: "round"; readonly observation: Observation }
  /** The cycle is over; null: rest for loop_wait. */
  | { readonly kind: "rest"; readonly againInMs: number | null }
  | { readonly kind: "exit"; readonly decision: DecisionOf<"exit"> };

/** Who carries out what. */
interface ActorParts {
  readonly lease: LeaseActs;
  readonly ask: AskActs;
  readonly keyActs: KeyActs;
  readonly takeover: TakeoverActs;
  readonly fencingActs: FencingActs;
  readonly tasks: Pick<TaskRunner, "start" | "cancel">;
  readonly bodyOf: (task: LongTask) => TaskBody;
  readonly memory: Remembering;
  readonly inbox: Pick<Inbox, "answer">;
  readonly facts: Pick<FactsOfNow, "around">;
  readonly store: Pick<StoreView, "unreachable">;
  readonly log: Pick<Log, "error">;
  readonly config: () => { readonly self: MemberName };
}

/** Carries out decisions. */
export class Actor {
  readonly #parts: ActorParts;

  constructor(parts: ActorParts) {
    this.#parts = parts;
  }

  /**
   * Carries out `decision`.
   *
   * @param o The observation that it rests on.
   */
  async act(o: Observation, decision: Decision): Promise<Act> {
    try {
      if (decision.kind === "exit") return { kind: "exit", decision };
      return this.#next(o, await this.#carryOut(o, decision));
    } catch (error) {
      if (error instanceof DcsUnreachableError) {
        const dcs = this.#parts.store.unreachable(error);
        return this.#next(o, changed({ dcs }));
      }
      if (!(error instanceof DcsRefusedError)) throw error;
      this.#parts.log.error(`${decision.kind} was refused: ${error.message}`);
      return { kind: "rest", againInMs: AFTER_CONFLICT_MS };
    }
  }

  #carryOut(
    o: Observation,
    decision: Exclude<Decision, { kind: "exit" }>,
  ): Promise<Outcome> | Outcome {
    const { lease, ask, keyActs, takeover, memory } = this.#parts;
    const { fencingActs } = this.#parts;
    switch (decision.kind) {
      case "wait":
        return { kind: "rest", againInMs: decision.againInMs };
      case "start_task":
        return this.#startTask(decision);
      case "cancel_task":
        return this.#cancelTask();
      case "renew_lease":
        return lease.renew(o, decision);
      case "acquire_lease":
        return lease.acquire(decision);
      case "release_lease":
        return lease.release(decision);
      case "ask_peers":
        return ask.peers(decision);
      case "ask_failsafe":
        return ask.consent(o, decision);
      case "ask_upstream":
        return ask.upstream(decision);
      case "trust_timeline":
        memory.remember({ kind: "divergence", value: "unsuspected" });
        return changed({});
      case "set_synchronous_standbys":
        return keyActs.setSynchronousStandbys(decision);
      case "drop_restart":
        memory.remember({ kind: "restart_scheduled", restart: null });
        return changed({});
      case "refuse_request": {
        const text = explain(decision, this.#parts.config().self);
        this.#parts.inbox.answer({ status: 503, text });
        return changed({});
      }
      case "look_afresh":
        return takeover.lookAfresh();
      case "write_pledge_record":
        return takeover.writeRecord(decision);
      case "close_source":
        return takeover.closeSource();
      case "write_pledge":
        return takeover.writeEntry(decision);
      case "take_lease":
        return takeover.take(decision);
      case "veto_pledges":
        return takeover.veto(o, decision);
      case "write_fencing":
        return fencingActs.write(decision);
      case "rest_suspicion":
        return fencingActs.rest();
      case "take_fenced_lease":
        return fencingActs.take(decision);
      case "race_initialize":
      case "write_initialize":
      case "write_config":
      case "clear_failover":
      case "write_sync":
      case "delete_sync":
        return keyActs.write(decision);
    }
  }

  async #startTask({ task }: DecisionOf<"start_task">): Promise<Outcome> {
    const { memory, tasks, bodyOf, inbox } = this.#parts;
    if (task.kind === "restart" && task.isScheduled) {
      memory.remember({ kind: "restart_scheduled", restart: null });
    }
    await tasks.start(task, bodyOf(task));
    if (task.kind === "reinitialize") {
      inbox.answer({ status: 200, text: "reinitialize started" });
    }
    return { kind: "rest", againInMs: null };
  }

  async #cancelTask(): Promise<Outcome> {
    await this.#parts.tasks.cancel();
    return { kind: "rest", againInMs: 0 };
  }

  /** The next round: what this one changed, over what still holds, at the time of now. */
  #next(o: Observation, outcome: Outcome): Act {
    if (outcome.kind === "rest") return outcome;
    const now = this.#parts.facts.around(o);
    return {
      kind: "round",
      observation: {
        ...now,
        lease: laterInCycle(o.lease, now.lease),
        peers: o.peers,
        upstream: o.upstream,
        ...outcome.changes,
      },
    };
  }
}
