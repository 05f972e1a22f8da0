/**
 * The orderly way to give up the lead: stop the leader's instance, and release
 * the lease as soon as a successor has the shutdown checkpoint. Shared by
 * demotion and agent shutdown.
 */
import { readySuccessors, successors } from "../core/calc/lead/successors.ts";
import { after, type Lsn, remainingMs } from "../core/base/units.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { MemberName } from "../core/model/member.ts";
import type { PeerAnswer } from "../core/model/peer_view.ts";
import { abortOf, type Clock } from "../ports/clock.ts";
import type { Peers } from "../ports/peers.ts";
import type { EndedReceiver, PostgresServer } from "../ports/postgres.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { Announcer } from "./events.ts";
import type { SeenScope } from "./last_view.ts";
import type { LeadReturn } from "./lead_return.ts";
import { stopAtOnce } from "./stops.ts";

/** How often the successors are asked whether they have the shutdown checkpoint. */
const SUCCESSOR_POLL_MS = 100;

/** How often all are asked, while a receiver holds up the stop. */
const RECEIVED_POLL_MS = 500;

/** Replicas that are behind hold it up no longer than that once the lease is given away. */
const STRAGGLER_PATIENCE_MS = 10_000;

/** What it takes to hand over. */
interface HandOverParts {
  readonly clock: Clock;
  readonly peers: Pick<Peers, "ask">;
  readonly postgres: { readonly server: Pick<PostgresServer, "stop"> };
  /** Null: nobody is let go before a stop. */
  readonly proxy: unknown;
  readonly events: Pick<Announcer, "stop">;
  readonly leadReturn: LeadReturn;
  readonly last: SeenScope;
  readonly inForce: SettingsInForce;
  readonly config: () => { readonly self: MemberName };
}

/** Hands the lead over; knows how the last time went. */
export class HandOver {
  readonly #parts: HandOverParts;
  #endedReceivers: readonly EndedReceiver[] = [];

  constructor(parts: HandOverParts) {
    this.#parts = parts;
  }

  /** Receivers of WAL that held up the last handing over, and were ended. */
  get endedReceivers(): readonly EndedReceiver[] {
    return this.#endedReceivers;
  }

  /** Whether somebody could take over now, so that there will be a next leader soon. */
  async hasSuccessor(): Promise<boolean> {
    const { view } = this.#parts.last;
    return view !== null && await this.#isReady(view, null);
  }

  /**
   * Stops the leader's instance in order and releases the lease as soon as a
   * successor has the shutdown checkpoint, at the latest when the instance is down.
   * An abort (the lease runs out meanwhile) turns it into an immediate stop.
   *
   * @param escalateAfterMs So does the end of that time; null: there is none.
   */
  async run(
    escalateAfterMs: number | null,
    signal: AbortSignal,
  ): Promise<void> {
    const { postgres, leadReturn } = this.#parts;
    let position: Lsn | null = null;
    this.#endedReceivers = [];
    const stopped = new AbortController();
    let releasing: Promise<boolean> = Promise.resolve(false);
    const stopping = this.#parts.events.stop({
      mode: "fast",
      isCheckpointFirst: this.#parts.proxy === null,
      escalateAfterMs,
      onShutdownCheckpoint: (checkpoint) => {
        position = checkpoint;
        // A release that fails here is tried again when the instance is down.
        releasing = this.#releaseWhenReceived(checkpoint, stopped.signal)
          .catch(() => false);
        return this.#untilReceived(checkpoint, {
          releasing,
          stopped: stopped.signal,
        });
      },
      onReceiverEnded: (receiver) => {
        this.#endedReceivers = [...this.#endedReceivers, receiver];
      },
    });
    await Promise.race([stopping, abortOf(signal)]);
    if (signal.aborted) await postgres.server.stop(stopAtOnce());
    await stopping;
    stopped.abort();
    if (!await releasing) await leadReturn.giveBack(position);
  }

  /** Waits for a successor that has `checkpoint`; false if the stop was quicker. */
  async #releaseWhenReceived(
    checkpoint: Lsn,
    stopped: AbortSignal,
  ): Promise<boolean> {
    const { clock, last, leadReturn } = this.#parts;
    while (!stopped.aborted) {
      const { view } = last;
      if (view === null) return false;
      if (await this.#isReady(view, checkpoint)) {
        await leadReturn.giveBack(checkpoint);
        return true;
      }
      await clock.sleep(SUCCESSOR_POLL_MS, stopped);
    }
    return false;
  }

  /** @param requiredLsn A successor has to have it; null: wherever it is. */
  async #isReady(view: ClusterView, requiredLsn: Lsn | null): Promise<boolean> {
    const { peers, inForce, config } = this.#parts;
    const who = { self: config().self, settings: inForce.settings };
    const answers = await peers.ask(successors(who, view));
    const limits = { requiredLsn, leaderLsn: null };
    return readySuccessors(who, view, { answers, limits }).length > 0;
  }

  /**
   * Resolves when every replica that answers has `checkpoint`; those that are far
   * behind get the rest from the successor, as soon as there is one.
   */
  async #untilReceived(
    checkpoint: Lsn,
    { releasing, stopped }: {
      readonly releasing: Promise<boolean>;
      readonly stopped: AbortSignal;
    },
  ): Promise<void> {
    const { peers, clock, config, last } = this.#parts;
    const { self } = config();
    const end = after(clock.now(), STRAGGLER_PATIENCE_MS);
    let isReleased = false;
    releasing.then((result) => isReleased = result);
    for (;;) {
      await clock.sleep(RECEIVED_POLL_MS, stopped);
      if (stopped.aborted) return;
      if (isReleased && remainingMs(end, clock.now()) <= 0) return;
      const members = last.view?.members ?? [];
      const answers = await peers.ask(
        members.filter(({ name, apiUrl }) => name !== self && apiUrl !== null),
      );
      if (!answers.some((answer) => isBehind(answer, checkpoint))) return;
    }
  }
}

function isBehind(answer: PeerAnswer, checkpoint: Lsn): boolean {
  return answer.kind === "answered" && answer.isInRecovery &&
    (answer.position ?? 0n) < checkpoint;
}
