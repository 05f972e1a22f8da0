/**
 * Looks after the replication slots in every cycle: publishes the leader's
 * positions, brings the slots of this instance in line with the plan, and knows
 * which logical slots of a replica are not safe to be used yet. Logical slots are
 * made and moved in the background: decoding may take long.
 *
 * Source: docs/contract/ha.md 15; docs/contract/dcs.md 3.5.
 */
import { planSlots, type SlotChanges } from "../core/calc/slots/slots.ts";
import {
  managedSlots,
  retain,
  type RetainStamps,
} from "../core/calc/slots/slots_published.ts";
import {
  permanentHere,
  type SlotInputs,
} from "../core/calc/slots/slots_wanted.ts";
import {
  keepUnready,
  sortReady,
  type UnreadySlots,
} from "../core/calc/slots/slots_ready.ts";
import { branchHead } from "../core/calc/lead/topology.ts";
import { encodeStatus } from "../core/codec/status_codec.ts";
import { slotNameOf } from "../core/codec/slot_name.ts";
import { leadOf, type Observation } from "../core/model/observation.ts";
import { ownPosition } from "../core/model/postgres_view.ts";
import type { DcsLimits } from "../ports/dcs.ts";
import type { Log } from "../ports/log.ts";
import type { Clock } from "../ports/clock.ts";
import type { PostgresSlots } from "../ports/postgres.ts";
import type { Inbox } from "./inbox.ts";
import type { Addresses } from "./neighbours.ts";
import type { ScopeReports } from "./scope_reports.ts";

const DROP_REASONS = {
  unknown: "nobody wants it",
  wal_lost: "its WAL is lost",
  changed: "its type, plugin or database is not the configured one",
  stale_xmin: "nobody uses it and its xmin holds back vacuum",
  no_wal_reserved: "it reserves no WAL",
  never_synced:
    "this former primary made it, which keeps the leader's from being synchronized",
} as const;

/** As long as a cycle waits for its changes; they go on afterwards. */
const PATIENCE_MS = 1_000;

/** What slots are looked after with. */
interface SlotParts {
  readonly clock: Pick<Clock, "sleep">;
  readonly log: Pick<Log, "info" | "warning" | "error">;
  readonly postgres: { readonly slots: PostgresSlots };
  readonly reports: Pick<ScopeReports, "writeStatus">;
  readonly neighbours: Addresses;
  readonly inbox: Pick<Inbox, "wake">;
}

/** Looks after the slots; remembers what must not be repeated. */
export class SlotTender {
  readonly #parts: SlotParts;
  #status: string | null = null;
  #stamps: RetainStamps | null = null;
  #problems = "";
  #physical: Promise<void> | null = null;
  #logical: AbortController | null = null;
  #unready: UnreadySlots = { postmasterPid: 0, slots: {} };

  constructor(parts: SlotParts) {
    this.#parts = parts;
  }

  /** The leader's part: the `status` key, written if it says something new. */
  async publishStatus(o: Observation, limits: DcsLimits): Promise<void> {
    const inputs = inputsOf(o);
    const isLeader = leadOf(o) === "self";
    const isPublisher = inputs?.postgres.role === "primary" ||
      o.settings.isStandbyCluster;
    if (inputs === null || !isLeader || !isPublisher) {
      // The next leader may have written, and its clocks are not ours.
      if (!isLeader) this.#forget();
      return;
    }
    const leaderLsn = ownPosition(inputs.postgres);
    if (leaderLsn === null) return;
    const slots = managedSlots(inputs);
    const stamps = retain({ ...inputs, now: o.now }, this.#stamps, slots);
    this.#logExpired(stamps);
    this.#stamps = stamps;
    const retainSlots = Object.keys(stamps);
    const status = { leaderLsn, slots, retainSlots };
    const text = encodeStatus(status);
    if (text === this.#status) return;
    await this.#parts.reports.writeStatus(status, limits);
    this.#status = text;
  }

  /** Every member's part: its own slots. Failures are logged. */
  async tend(o: Observation): Promise<void> {
    await this.#inBackground(o, (inputs) => this.#change(inputs));
  }

  /** Moves what is there, by a view that the store does not back: makes and drops nothing. */
  async advance(o: Observation): Promise<void> {
    await this.#inBackground(o, async (inputs) => {
      const { advance, advanceLogical } = planSlots(inputs);
      const { postgres } = this.#parts;
      await postgres.slots.apply({ drop: [], create: [], advance });
      this.#startLogical({ createLogical: [], advanceLogical });
    });
  }

  async #inBackground(
    o: Observation,
    change: (inputs: SlotInputs) => Promise<void>,
  ): Promise<void> {
    const inputs = this.#inputsOf(o);
    if (inputs === null || o.task.kind !== "idle") return;
    if (inputs.view.config === null || leadOf(o) === "nobody") return;
    if (this.#physical !== null) return;
    const { log, clock } = this.#parts;
    const done = new AbortController();
    this.#physical = change(inputs)
      .catch((error: unknown) =>
        log.error(`Cannot look after replication slots: ${String(error)}`)
      )
      .finally(() => {
        this.#physical = null;
        done.abort("done");
      });
    // A disk or a peer that hangs must not keep the loop from its lease.
    await Promise.race([this.#physical, clock.sleep(PATIENCE_MS, done.signal)]);
  }

  async #change(inputs: SlotInputs): Promise<void> {
    const { postgres } = this.#parts;
    const plan = planSlots(inputs);
    this.#report(inputs, plan);
    await postgres.slots.setFeedback(
      plan.isFeedbackForced ? "forced" : "configured",
    );
    await postgres.slots.apply({
      drop: plan.drop.map(({ name }) => name),
      create: plan.create,
      advance: plan.advance,
    });
    this.#startLogical(plan);
    await this.#checkReadiness(inputs);
  }

  /** A leader knows better than the key, which may be gone, whom it waits for. */
  #inputsOf(o: Observation): SlotInputs | null {
    const inputs = inputsOf(o);
    if (inputs === null || this.#stamps === null) return inputs;
    const retainSlots = Object.keys(this.#stamps);
    const { view } = inputs;
    return {
      ...inputs,
      view: { ...view, status: { ...view.status, retainSlots } },
    };
  }

  /** Ends what still runs. */
  close(): void {
    this.#logical?.abort();
  }

  #forget(): void {
    this.#status = null;
    this.#stamps = null;
  }

  #logExpired(stamps: RetainStamps): void {
    for (const name of Object.keys(this.#stamps ?? {})) {
      if (name in stamps) continue;
      this.#parts.log.info(
        `Replication slot '${name}' of an absent member is no longer retained`,
      );
    }
  }

  #report(inputs: SlotInputs, plan: SlotChanges): void {
    const { log } = this.#parts;
    const problems = plan.problems.join("\n");
    if (problems !== this.#problems) {
      plan.problems.forEach((problem) => log.error(problem));
      this.#problems = problems;
    }
    for (const { name, reason } of plan.drop) {
      const slot = inputs.postgres.slots.find((slot) => slot.name === name);
      // It will not work, and the adapter says so.
      if (slot?.isActive) continue;
      log.warning(
        reason === "stale_xmin"
          ? `Dropping physical replication slot ${name} because of its xmin value ${slot?.xmin}`
          : `Dropping replication slot '${name}': ${DROP_REASONS[reason]}`,
      );
    }
  }

  #startLogical(
    plan: Pick<SlotChanges, "createLogical" | "advanceLogical">,
  ): void {
    const { createLogical: create, advanceLogical: advance } = plan;
    if (this.#logical !== null) return;
    if (create.length === 0 && advance.length === 0) return;
    const { postgres, log, inbox } = this.#parts;
    const controller = new AbortController();
    this.#logical = controller;
    postgres.slots.applyLogical({ create, advance }, controller.signal)
      .catch((error: unknown) => {
        if (controller.signal.aborted) return;
        log.warning(`Logical replication slots: ${String(error)}`);
      })
      .finally(() => {
        this.#logical = null;
        // The leader publishes the position of a new slot at once.
        if (create.length > 0) inbox.wake();
      });
  }

  #warnOfPromotion({ postgres }: SlotInputs): void {
    if (postgres.role !== "primary") return;
    for (const name of Object.keys(this.#unready.slots)) {
      this.#parts.log.warning(
        `Logical replication slot '${name}' might be unsafe to use after promotion`,
      );
    }
  }

  /**
   * A logical slot that came back with a start of the instance is safe only when
   * the leader's slot for this branch protects what it needs.
   */
  async #checkReadiness(inputs: SlotInputs): Promise<void> {
    const { log, postgres } = this.#parts;
    this.#warnOfPromotion(inputs);
    this.#unready = keepUnready(this.#unready, inputs, permanentHere(inputs));
    const names = Object.keys(this.#unready.slots);
    const leader = inputs.view.leader?.name ?? null;
    if (names.length === 0 || leader === null) return;
    const { self, tags, view } = inputs;
    const head = branchHead(view, { name: self, tags });
    if (head === null) return;
    const physical = slotNameOf(head);
    try {
      const source = this.#parts.neighbours.addressOf(leader);
      const xmins = await postgres.slots.catalogXmins(source, [
        physical,
        ...names,
      ]);
      const verdict = sortReady(this.#unready, inputs, { physical, xmins });
      this.#unready = verdict.unready;
      for (const name of verdict.safe) {
        log.info(`Logical slot ${name} is safe to be used after a failover`);
      }
    } catch (error) {
      log.warning(`Cannot check logical slots on ${leader}: ${String(error)}`);
    }
  }
}

function inputsOf(o: Observation): SlotInputs | null {
  if (o.dcs.kind !== "reachable" || o.postgres.kind !== "running") return null;
  const { self, tags, settings, postgres } = o;
  return { self, tags, settings, view: o.dcs.view, postgres };
}
