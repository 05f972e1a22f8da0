/**
 * Whether this leader may have been replaced without knowing: enough of its voters
 * answer no pulse, and the store does not say that the key is still its own. It
 * then takes no new sessions, and its addresses go.
 */
import { isInDoubt, openInMs } from "../core/calc/takeover/doubt.ts";
import { obstaclesOf } from "../core/calc/takeover/obstacles.ts";
import { type Moment, moment, type Revision } from "../core/base/units.ts";
import type { SyncKey } from "../core/model/cluster_view.ts";
import { leadOf, type Observation } from "../core/model/observation.ts";
import type { Clock } from "../ports/clock.ts";
import { DcsRefusedError, DcsUnreachableError } from "../ports/errors.ts";
import type { Log } from "../ports/log.ts";
import { PULSE_MS } from "../ports/pulse.ts";
import type { Inbox } from "./inbox.ts";
import type { LeaseKeeper } from "./leases.ts";
import type { Pulse } from "./pulse_duty.ts";
import type { ScopeReader } from "./scope_reader.ts";

/**
 * Looked at with each pulse, which wakes this process anyway. A timer is set only
 * if the voters leave it open well before the next one.
 */
const BEFORE_PULSE_MS = 0.9 * PULSE_MS;
const ASK_MS_MAX = 1_000;

/** What it works with. */
interface DoubtParts {
  readonly pulse: Pulse | null;
  readonly clock: Pick<Clock, "now" | "sleep">;
  readonly log: Pick<Log, "info" | "warning">;
  readonly reader: Pick<ScopeReader, "freshView">;
  readonly leases: Pick<LeaseKeeper, "answeredAt">;
  readonly inbox: Pick<Inbox, "wake">;
}

/** What a leader holds that could be taken over. */
interface Lead {
  readonly term: Revision;
  readonly sync: SyncKey;
  readonly suspectAfterMs: number;
}

/** Watches over the own lead. */
export class DoubtWatch {
  readonly #parts: DoubtParts;
  readonly #onChange: () => void;
  #lead: Lead | null = null;
  #onLead = Promise.withResolvers<void>();
  /** When a question was sent that the store has answered. */
  #askedAt: Moment = moment(0);
  #isInDoubt = false;

  /** @param onChange Told when the doubt begins and when it ends. */
  constructor(parts: DoubtParts, onChange: () => void) {
    this.#parts = parts;
    this.#onChange = onChange;
  }

  get isInDoubt(): boolean {
    return this.#isInDoubt;
  }

  /** After a cycle. Without the store everything is as it was. */
  follow(o: Observation): void {
    if (o.dcs.kind === "reachable") this.#lead = leadIn(o);
    else if (o.lease.kind !== "held") this.#lead = null;
    if (this.#lead === null) this.#set(false);
    else this.#onLead.resolve();
  }

  /** Looks until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#parts.pulse === null) return;
    const ended = new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true })
    );
    while (!signal.aborted) {
      if (this.#lead === null) {
        this.#onLead = Promise.withResolvers<void>();
        await Promise.race([this.#onLead.promise, ended]);
        continue;
      }
      await this.#rest(this.#lead, signal);
      if (!signal.aborted) await this.#look();
    }
  }

  async #rest(
    { sync, suspectAfterMs }: Lead,
    signal: AbortSignal,
  ): Promise<void> {
    const { pulse, clock } = this.#parts;
    if (pulse === null) return;
    const voterAt = pulse.speaker.answeredAt();
    const leftMs = openInMs(clock.now(), voterAt, { sync, suspectAfterMs });
    const isOpenBefore = leftMs > 0 && leftMs < BEFORE_PULSE_MS;
    if (isOpenBefore) await clock.sleep(leftMs, signal);
    else await pulse.speaker.untilPulse(signal);
  }

  async #look(): Promise<void> {
    const lead = this.#lead;
    if (lead === null) return;
    // Asked only where the voters leave it open.
    if (this.#doubts(lead, moment(0))) await this.#ask(lead);
    if (this.#lead === lead) this.#set(this.#doubts(lead, this.#storeAt));
  }

  get #storeAt(): Moment {
    const { answeredAt } = this.#parts.leases;
    return moment(Math.max(this.#askedAt, answeredAt ?? 0));
  }

  #doubts({ sync, suspectAfterMs }: Lead, storeAt: Moment): boolean {
    const { pulse, clock } = this.#parts;
    const voterAt = pulse?.speaker.answeredAt() ?? new Map();
    return isInDoubt(clock.now(), { storeAt, voterAt }, {
      sync,
      suspectAfterMs,
    });
  }

  async #ask({ term }: Lead): Promise<void> {
    const { reader, clock, inbox } = this.#parts;
    const since = clock.now();
    try {
      const { leader } = await reader.freshView({ timeoutMs: ASK_MS_MAX });
      if (leader?.revision === term) this.#askedAt = since;
      else inbox.wake();
    } catch (error) {
      const isStore = error instanceof DcsUnreachableError ||
        error instanceof DcsRefusedError;
      if (!isStore) throw error;
    }
  }

  #set(isInDoubt: boolean): void {
    if (this.#isInDoubt === isInDoubt) return;
    this.#isInDoubt = isInDoubt;
    const { log } = this.#parts;
    if (isInDoubt) {
      log.warning(
        "Neither the store nor enough voters answer: another member may lead " +
          "by now. New clients wait until one of them does",
      );
    } else log.info("It is certain again who leads");
    this.#onChange();
  }
}

/** Null: nobody could take it over. */
function leadIn(o: Observation): Lead | null {
  const { settings, pledge, dcs } = o;
  if (dcs.kind !== "reachable" || settings.takeover === null) return null;
  if (leadOf(o) !== "self" || pledge === null) return null;
  const { view } = dcs;
  const { storeObstacle } = pledge;
  const isPossible =
    obstaclesOf({ settings, view, storeObstacle }).length === 0;
  if (!isPossible || view.leader === null) return null;
  const { suspectAfterMs } = settings.takeover;
  return { term: view.leader.revision, sync: view.sync, suspectAfterMs };
}
