/**
 * What the proxy beside this member hears: the role as routes need it, and for
 * the fence whether there is something to fence and until when this agent may
 * lead. Told at the start of each cycle, at each renewal of the lease and at
 * each step down, so that silence means an agent that does not run.
 */
import { type Moment, remainingMs } from "../core/base/units.ts";
import { stopBudgetMs } from "../core/calc/lead/budgets.ts";
import type { FenceWord } from "../core/model/fence.ts";
import type { Observation } from "../core/model/observation.ts";
import { mayBeWritable } from "../core/rules/parts.ts";
import type { ProxyHeartbeat, ProxyProcess } from "../ports/proxy_process.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { Deadline } from "./lead_right.ts";
import type { LeaseKeeper } from "./leases.ts";
import type { Observed } from "./loop_status.ts";
import type { Remembered } from "./memory.ts";
import type { TaskSeen } from "./task_runner.ts";

/** What a heartbeat is made of. */
export interface HeartbeatParts {
  readonly clock: Pick<Clock, "now">;
  readonly dcs: Pick<Dcs, "proof">;
  readonly proxy: Pick<ProxyProcess, "heartbeat"> | null;
  readonly status: Observed;
  readonly memory: Remembered;
  readonly inForce: SettingsInForce;
  readonly config: () => { readonly vips: FenceWord["vips"] };
  readonly right: Deadline;
  readonly leases: Pick<LeaseKeeper, "term">;
  readonly tasks: TaskSeen;
  readonly doubt: { readonly isInDoubt: boolean };
}

/** Tells the proxy, if there is one. */
export class Heartbeats {
  readonly #parts: HeartbeatParts;
  #isStandingDown = false;
  #isEnding = false;
  #isOver = false;
  #role = "uninitialized";
  /** The last word of this cycle. */
  #said = "";

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
  }

  /** The lease was renewed or won just now, until `deadline`. */
  covered(deadline: Moment): void {
    this.#tell(this.#parts.status.observation, deadline);
  }

  /** A cycle has begun, and things are as `o` says. */
  observed(o: Observation): void {
    this.#said = "";
    this.settled(o);
  }

  /** Between cycles something else has changed. */
  changed(): void {
    const { status, right } = this.#parts;
    this.#tell(status.observation, right.deadline);
  }

  /** The same within the cycle: what was said already is not said again. */
  settled(o: Observation): void {
    this.#tell(o, this.#parts.right.deadline);
  }

  /** The instance is about to be stopped by this agent; its sessions are to be cut. */
  standDown(): void {
    this.#isStandingDown = true;
    const word = this.#word(this.#parts.status.observation, null);
    const fence = { ...word, isStandingDown: true };
    this.#send({ role: "demoted", leaseDeadlineMs: null, fence });
  }

  /** The same until the agent ends. */
  end(): void {
    this.#isEnding = true;
    this.standDown();
  }

  /** The instance takes no writes any more: the fence has nothing to do. */
  stopped(): void {
    this.#send({ role: "demoted", leaseDeadlineMs: null, fence: null });
  }

  /** The agent ends in order; an instance that still runs was left on purpose. */
  farewell(): void {
    const { right } = this.#parts;
    const deadline = this.#isEnding ? null : right.deadline;
    this.#send({ role: this.#role, leaseDeadlineMs: deadline, fence: null });
    this.#isOver = true;
  }

  #tell(o: Observation | null, deadline: Moment | null): void {
    const { memory, tasks } = this.#parts;
    const { view } = tasks;
    const isDemoting = view.kind === "running" && view.task.kind === "demote";
    if (!isDemoting && !this.#isEnding) this.#isStandingDown = false;
    const isStandingDown = this.#isStandingDown;
    const isPrimary = o?.postgres.kind === "running" &&
      o.postgres.role === "primary";
    const role = isStandingDown
      ? "demoted"
      : isPrimary
      ? "primary"
      : memory.now.role;
    const fence = { ...this.#word(o, deadline), isStandingDown };
    const { isInDoubt } = this.#parts.doubt;
    const word = isInDoubt ? { isInDoubt } : {};
    this.#send({ role, leaseDeadlineMs: deadline, ...word, fence });
  }

  #send(word: ProxyHeartbeat): void {
    if (this.#isOver) return;
    this.#role = word.role;
    const { proxy, dcs } = this.#parts;
    if (proxy === null) return;
    const proof = dcs.proof?.() ?? null;
    const storeProof = proof &&
      { revision: proof.mark, askedAtMs: proof.askedAt };
    const heartbeat = { ...word, storeProof };
    const text = JSON.stringify(heartbeat);
    if (text === this.#said) return;
    this.#said = text;
    proxy.heartbeat(heartbeat);
  }

  #word(o: Observation | null, deadline: Moment | null): FenceWord {
    const { clock, config, inForce: { settings }, leases: { term } } = this
      .#parts;
    const isCovered = deadline !== null &&
      remainingMs(deadline, clock.now()) > 0;
    return {
      instance: instanceOf(o, isCovered ? "covered" : "uncovered"),
      isPaused: settings.isPaused,
      isStandingDown: false,
      stopBudgetMs: stopBudgetMs(settings),
      leaderRevision: term === null ? null : `${term}`,
      vips: config().vips,
    };
  }
}

function instanceOf(
  o: Observation | null,
  lease: "covered" | "uncovered",
): FenceWord["instance"] {
  if (o !== null && mayBeWritable(o)) return "primary";
  const isStandbyCluster = o !== null && o.settings.isStandbyCluster;
  const hasData = o !== null && o.postgres.kind !== "empty" &&
    o.postgres.kind !== "unusable";
  return lease === "covered" && hasData && !isStandbyCluster
    ? "may_become_primary"
    : "other";
}
