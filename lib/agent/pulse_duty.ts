/**
 * The pulses of this member: as leader it speaks to its voters, as a voter it
 * listens to its leader, and a silence wakes the loop.
 */
import { moment } from "../core/base/units.ts";
import { pulsePart } from "../core/calc/takeover/pulse_part.ts";
import type { MemberName } from "../core/model/member.ts";
import type { Observation } from "../core/model/observation.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { PulseListener, PulseSpeaker } from "../ports/pulse.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { Inbox } from "./inbox.ts";

/** Between two looks at a leader that stays silent. */
const LOOK_AGAIN_MS = 300;
/**
 * Silent for that long, its host may be gone, and the store's node on it: the
 * watch is looked after at once, so that a node that says nothing has been left
 * (which takes 0.7 s) before anybody is suspected. Told 0.2 s later at most.
 */
const HINT_MS = 600;
const HINT_AGAIN_MS = 5_000;

/** Both sides of the pulse. */
export interface Pulse {
  readonly speaker: PulseSpeaker;
  readonly listener: PulseListener;
}

/** What it works with. */
interface DutyParts {
  /** Null: this agent neither speaks nor listens. */
  readonly pulse: Pulse | null;
  readonly clock: Pick<Clock, "now" | "sleep">;
  readonly dcs: Pick<Dcs, "takeHint">;
  readonly inbox: Pick<Inbox, "wake">;
  readonly inForce: SettingsInForce;
  readonly config: () => { readonly self: MemberName };
}

/** The duty of one member. */
export class PulseDuty {
  readonly #parts: DutyParts;
  #hintedAt = moment(-Infinity);
  #isListening = false;
  #onListening = Promise.withResolvers<void>();

  constructor(parts: DutyParts) {
    this.#parts = parts;
  }

  /** After a cycle: who speaks and who is listened to from now on. */
  follow(o: Observation): void {
    const { pulse, config } = this.#parts;
    const part = pulsePart(o);
    if (pulse === null || part.kind === "unknown") return;
    const { self } = config();
    if (part.kind === "speak") {
      const { term, voters } = part;
      pulse.speaker.speak({ leader: self, term, voters });
    } else pulse.speaker.speak(null);
    if (part.kind === "listen") {
      const { leader, apiUrl, postgres, proxy } = part;
      pulse.listener.listenTo({ self, leader, apiUrl, postgres, proxy });
    } else pulse.listener.listenTo(null);
    this.#isListening = part.kind === "listen";
    if (this.#isListening) this.#onListening.resolve();
  }

  /** Nobody is spoken to any more. */
  close(): void {
    this.#parts.pulse?.speaker.speak(null);
    this.#parts.pulse?.listener.listenTo(null);
  }

  #hint(): void {
    const { clock, dcs } = this.#parts;
    const now = clock.now();
    if (now - this.#hintedAt < HINT_AGAIN_MS) return;
    this.#hintedAt = now;
    dcs.takeHint?.({ kind: "suspicion" });
  }

  /** Wakes the loop while the leader is silent, until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { pulse, clock, inbox, inForce } = this.#parts;
    if (pulse === null) return;
    const ended = new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true })
    );
    while (!signal.aborted) {
      const { takeover } = inForce.settings;
      if (!this.#isListening || takeover === null) {
        this.#onListening = Promise.withResolvers<void>();
        await Promise.race([this.#onListening.promise, ended]);
        continue;
      }
      const { suspectAfterMs } = takeover;
      const { listener } = pulse;
      await listener.untilSilent(Math.min(HINT_MS, suspectAfterMs), signal);
      if (!signal.aborted) this.#hint();
      await listener.untilSilent(suspectAfterMs, signal);
      if (!signal.aborted) inbox.wake();
      await clock.sleep(LOOK_AGAIN_MS, signal);
    }
  }
}
