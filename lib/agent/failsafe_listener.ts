/**
 * Failsafe mode of everybody else: believe a leader that asks while the store is
 * away, for as long as it was promised.
 *
 * Source: docs/contract/ha.md 12.
 */
import {
  isLeadingItself,
  judgePing,
  type OwnLead,
} from "../core/calc/lead/consent.ts";
import { withFailsafeLeader } from "../core/calc/lead/failsafe.ts";
import { after, type Moment, remainingMs } from "../core/base/units.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { FailsafePing } from "../core/model/failsafe.ts";
import type { PledgeRecord } from "../core/model/pledge.ts";
import type { MemberName } from "../core/model/member.ts";
import { ownPosition } from "../core/model/postgres_view.ts";
import type { FailsafeConsent } from "../ports/agent_api.ts";
import type { Clock } from "../ports/clock.ts";
import type { ConsentRecord } from "../ports/consents.ts";
import type { Log } from "../ports/log.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { SeenScope } from "./last_view.ts";
import type { Deadline } from "./lead_right.ts";
import type { Observed } from "./loop_status.ts";
import type { Remembered } from "./memory.ts";
import type { TaskSeen } from "./task_runner.ts";

/** What a ping is judged by. */
interface ListenerParts {
  readonly clock: Pick<Clock, "now">;
  readonly log: Pick<Log, "warning">;
  readonly consents: Pick<ConsentRecord, "save">;
  /** The own pledge. */
  readonly pledge: { readonly record: PledgeRecord };
  readonly right: Deadline;
  readonly tasks: TaskSeen;
  readonly memory: Remembered;
  readonly last: SeenScope;
  readonly inForce: SettingsInForce;
  readonly status: Observed;
  readonly config: () => { readonly self: MemberName };
}

/** Listens to a leader that has no store. */
export class FailsafeListener {
  readonly #parts: ListenerParts;
  /** The last leader that asked for consent, and until when it may rely on it. */
  #heard: { readonly ping: FailsafePing; readonly until: Moment } | null = null;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
  }

  /**
   * A leader asks: from now on, and for one ttl (its own, if that is longer), it
   * leads as far as this member is concerned, also after a restart of the agent.
   */
  async accept(ping: FailsafePing): Promise<FailsafeConsent> {
    const { memory, last, inForce, log, clock } = this.#parts;
    const verdict = judgePing(ping, {
      ...this.#ownLead(),
      self: this.#parts.config().self,
      map: memory.now.failsafe,
      members: [
        ...(last.view?.members ?? []),
        ...(memory.now.knownPeers?.members ?? []),
      ],
      ttlMs: inForce.settings.ttlMs,
    });
    if (verdict.kind === "refused") {
      if (verdict.why === "leading") return verdict;
      const { why, detail } = verdict;
      log.warning(`Refusing a failsafe ping of ${ping.name}: ${detail}`);
      return { kind: "refused", why };
    }
    if (this.#hasPledged(ping)) return { kind: "refused", why: "pledged" };
    const at = clock.now();
    const { ttlMs } = verdict;
    this.#heard = { ping, until: after(at, ttlMs) };
    await this.#parts.consents.save({ at, ttlMs });
    // It may have won the key while the record was written.
    if (isLeadingItself(this.#ownLead())) {
      return { kind: "refused", why: "leading" };
    }
    // Or it may have given the leader up.
    if (this.#hasPledged(ping)) return { kind: "refused", why: "pledged" };
    const postgres = this.#parts.status.observation?.postgres;
    const position = postgres?.kind === "running"
      ? ownPosition(postgres)
      : null;
    return { kind: "accepted", position };
  }

  /** The leader that may still rely on a consent. */
  leader(): FailsafePing | null {
    if (this.#heard === null) return null;
    // A consent is a promise: it holds although the mode was switched off since.
    const leftMs = remainingMs(this.#heard.until, this.#parts.clock.now());
    return leftMs < 0 ? null : this.#heard.ping;
  }

  /** The view as this member must take it: a leader that pinged lately is there. */
  completed(view: ClusterView): ClusterView {
    const ping = this.leader();
    const known = this.#parts.memory.now.knownPeers?.members ?? [];
    return ping === null ? view : withFailsafeLeader(view, ping, known);
  }

  /** This member leads itself. */
  reset(): void {
    this.#heard = null;
  }

  /** Whoever has promised to take no more WAL from a leader does not back it either. */
  #hasPledged({ name }: FailsafePing): boolean {
    const { pledge, log } = this.#parts;
    if (pledge.record.kind !== "pledged") return false;
    log.warning(`Refusing a failsafe ping of ${name}: a pledge stands here`);
    return true;
  }

  #ownLead(): OwnLead {
    const { clock, right, tasks } = this.#parts;
    return { now: clock.now(), deadline: right.deadline, task: tasks.view };
  }
}
