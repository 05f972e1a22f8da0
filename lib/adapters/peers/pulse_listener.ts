/**
 * A voter listens to its leader's agent. One connection stays; when nothing comes
 * on it for about a second (pulse_rest.ts) others are dialled beside it, one every
 * 100 ms, and the first that speaks is kept. TCP alone would not do: after a cut of
 * a second it sends again when its timer, doubled each time, has run out.
 *
 * Time in which this process did not run is no silence (silence.ts).
 */
import { setTimeout } from "node:timers";
import {
  after,
  type Moment,
  moment,
  remainingMs,
  timerMs,
} from "../../core/base/units.ts";
import {
  heardAtOf,
  heardNow,
  lookAgain,
  type Silence,
} from "../../core/calc/takeover/silence.ts";
import type { PulseSource } from "../../core/codec/pulse_codec.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  PULSE_GRACE_MS,
  type PulseListener,
  type PulseSight,
  type PulseTarget,
} from "../../ports/pulse.ts";
import type { PeersOptions } from "./client_options.ts";
import { HostSigns, type WalSign } from "./host_signs.ts";
import { type LineEnd, PulseLine } from "./pulse_line.ts";
import { restAfterPulse } from "./pulse_rest.ts";
import { SilenceWaiters } from "./silence_waiters.ts";

const LOOK_MS = 100;
/** A leader that is silent for longer is looked at less often. */
const LONG_SILENCE_MS = 5_000;
const LOOK_LATER_MS = 1_000;
/** Dials whose outcome is open. */
const LINES_MAX = 10;
/** Before a leader was heard, and after it said no: from, and up to. */
const PATIENCE_MS = 100;
const PATIENCE_MS_MAX = 5_000;
/** What a leader answers that does not speak to this member. */
const NOT_YET = 503;
/** Until it does, its loss is noticed by its lease only. */
const NOT_YET_MS_MAX = 250;

/** What it works with. */
export interface ListenerParts {
  readonly clock: Pick<Clock, "now">;
  /** Asked for each dial, so that a reload takes effect. */
  readonly options: () => PeersOptions;
  /** When the own WAL receiver got something last; asked while the agent is silent. */
  readonly walSign: WalSign;
}

/** What is known of the leader that is listened to. */
interface Hearing {
  readonly target: PulseTarget;
  readonly url: URL | null;
  readonly lines: Set<PulseLine>;
  /** The one that spoke last. */
  main: PulseLine | null;
  /** Where it was reached last; null: not yet. */
  address: string | null;
  source: PulseSource | null;
  /** Null: not heard yet, or it said no. */
  silence: Silence | null;
  /** When the last pulse came. */
  pulseAt: Moment;
  /** It speaks, and the timer waits for pulses to come. */
  isSpeaking: boolean;
  isRefused: boolean;
  dialledAt: Moment;
  /** How long the next rest is before it is heard. */
  patienceMs: number;
  isRejectionTold: boolean;
}

/** {@link PulseListener} over the REST API. */
export class PulseHttp implements PulseListener {
  readonly #parts: ListenerParts;
  readonly #signs: HostSigns;
  readonly #waiters = new SilenceWaiters();
  #hearing: Hearing | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** When the timer is meant to run out, while the leader speaks. */
  #lookAt = moment(0);
  #restMs = 0;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.#signs = new HostSigns(parts.clock, parts.walSign);
  }

  listenTo(target: PulseTarget | null): void {
    const old = this.#hearing;
    const isSame = JSON.stringify(old?.target ?? null) ===
      JSON.stringify(target);
    if (isSame) return;
    for (const line of old?.lines ?? []) line.close();
    this.#stopTimer();
    if (old?.target.leader !== target?.leader) this.#signs.forget();
    this.#hearing = target === null ? null : begin(target, old);
    if (this.#hearing !== null) this.#look(this.#hearing);
  }

  sight(): PulseSight | null {
    if (this.#hearing === null) return null;
    const { target: { leader }, source, isRefused } = this.#hearing;
    const silence = this.#silenceNow(this.#hearing);
    return {
      leader,
      term: source?.term ?? null,
      heardAt: silence === null ? null : heardAtOf(silence),
      postgresAt: this.#signs.postgresAt,
      refused: { agent: isRefused, ...this.#signs.refused },
    };
  }

  untilSilent(silentMs: number, signal: AbortSignal): Promise<void> {
    const told = this.#waiters.add(silentMs, signal);
    if (this.#hearing !== null) this.#tell(this.#hearing);
    return told;
  }

  #silenceNow({ silence }: Hearing): Silence | null {
    if (silence === null) return null;
    return lookAgain(silence, this.#parts.clock.now(), this.#restMs);
  }

  /** Something is missing: dials, asks the host, tells, and looks again soon. */
  #look(hearing: Hearing): void {
    hearing.isSpeaking = false;
    hearing.silence = this.#silenceNow(hearing);
    this.#dial(hearing);
    if (hearing.silence !== null) this.#askHost(hearing);
    this.#tell(hearing);
    this.#rest(hearing);
  }

  #rest(hearing: Hearing): void {
    const { silence } = hearing;
    if (silence === null) {
      this.#restMs = hearing.patienceMs;
      hearing.patienceMs = Math.min(hearing.patienceMs * 2, PATIENCE_MS_MAX);
    } else {
      const { silentMs } = silence;
      const usualMs = silentMs < LONG_SILENCE_MS ? LOOK_MS : LOOK_LATER_MS;
      const wantedMs = this.#waiters.next(silentMs) - silentMs;
      this.#restMs = Math.ceil(Math.min(usualMs, wantedMs));
    }
    this.#startTimer(() => this.#look(hearing), this.#restMs);
  }

  /** While it speaks; looks when a pulse is missing. */
  #restAfterPulse(hearing: Hearing): void {
    const now = this.#parts.clock.now();
    const ageMs = remainingMs(now, hearing.pulseAt);
    const restMs = restAfterPulse(ageMs);
    if (restMs === 0) return this.#look(hearing);
    hearing.isSpeaking = true;
    this.#lookAt = after(now, restMs);
    this.#restMs = this.#restAfter(hearing);
    this.#startTimer(() => this.#restAfterPulse(hearing), restMs);
  }

  /** From the end of the grace to the look that is meant. */
  #restAfter({ pulseAt }: Hearing): number {
    const graceAt = after(pulseAt, PULSE_GRACE_MS);
    return Math.max(0, remainingMs(this.#lookAt, graceAt));
  }

  #startTimer(look: () => void, restMs: number): void {
    this.#stopTimer();
    this.#timer = setTimeout(look, timerMs(restMs));
  }

  #stopTimer(): void {
    this.#timer?.close();
    this.#timer = null;
  }

  #dial(hearing: Hearing): void {
    const { target: { self }, url, lines } = hearing;
    const now = this.#parts.clock.now();
    const isTooSoon = now - hearing.dialledAt < LOOK_MS;
    if (url === null || isTooSoon || lines.size >= LINES_MAX) return;
    hearing.dialledAt = now;
    const isLong = (hearing.silence?.silentMs ?? Infinity) >= LONG_SILENCE_MS;
    // By its name again when it may have moved.
    const address = isLong ? null : hearing.address;
    const line = new PulseLine({ url, address, self }, this.#parts.options(), {
      onPulse: (from, source) => this.#hear(hearing, from, source),
      onEnd: (from, end) => this.#lose(hearing, from, end),
    });
    lines.add(line);
  }

  #hear(hearing: Hearing, line: PulseLine, source: PulseSource): void {
    if (source.leader !== hearing.target.leader) {
      line.close();
      return this.#lose(hearing, line, { kind: "lost" });
    }
    const now = this.#parts.clock.now();
    hearing.silence = heardNow(after(now, PULSE_GRACE_MS));
    hearing.pulseAt = now;
    hearing.source = source;
    if (hearing.main !== line || !hearing.isSpeaking) {
      return this.#keep(hearing, line);
    }
    this.#restMs = this.#restAfter(hearing);
  }

  /** It speaks again, or for the first time, or on another connection. */
  #keep(hearing: Hearing, line: PulseLine): void {
    for (const other of hearing.lines) {
      if (other === line) continue;
      other.close();
      hearing.lines.delete(other);
    }
    hearing.main = line;
    hearing.address = line.address;
    hearing.isRefused = false;
    hearing.patienceMs = PATIENCE_MS;
    this.#signs.forget();
    this.#restAfterPulse(hearing);
  }

  #lose(hearing: Hearing, line: PulseLine, end: LineEnd): void {
    hearing.lines.delete(line);
    if (this.#hearing !== hearing) return;
    hearing.isRefused = end.kind === "refused";
    if (end.kind === "rejected") return this.#beRejected(hearing, end.status);
    if (hearing.main === line) hearing.main = null;
    // What has ended at once is dialled again at the next look.
    if (hearing.main === null && hearing.silence !== null) this.#look(hearing);
  }

  /** A leader that lives and does not speak is suspected by nobody. */
  #beRejected(hearing: Hearing, status: number): void {
    for (const line of hearing.lines) line.close();
    hearing.lines.clear();
    hearing.main = null;
    hearing.silence = null;
    hearing.isSpeaking = false;
    hearing.source = null;
    this.#signs.forget();
    // It does not know yet that this member votes: a matter of a moment.
    if (status === NOT_YET) {
      hearing.patienceMs = Math.min(hearing.patienceMs, NOT_YET_MS_MAX);
    }
    if (!hearing.isRejectionTold && status !== NOT_YET) {
      hearing.isRejectionTold = true;
      this.#parts.options().log.warning(
        `Cannot listen to the pulse of ${hearing.target.leader}: its REST ` +
          `API answers ${status}; its loss will be noticed by its lease only`,
      );
    }
    this.#rest(hearing);
  }

  #askHost(hearing: Hearing): void {
    this.#signs.ask(hearing.target, () => {
      if (this.#hearing === hearing) this.#tell(hearing);
    });
  }

  #tell(hearing: Hearing): void {
    const silence = this.#silenceNow(hearing);
    if (silence === null) return;
    const { postgres, proxy } = this.#signs.refused;
    const isNothingThere = hearing.isRefused && postgres && proxy;
    this.#waiters.tell(isNothingThere ? Infinity : silence.silentMs);
  }
}

function begin(target: PulseTarget, old: Hearing | null): Hearing {
  const known = old?.target.leader === target.leader ? old : null;
  return {
    target,
    url: target.apiUrl === null ? null : URL.parse(target.apiUrl),
    lines: new Set(),
    main: null,
    address: null,
    source: known?.source ?? null,
    silence: known?.silence ?? null,
    pulseAt: known?.pulseAt ?? moment(-Infinity),
    isSpeaking: false,
    isRefused: known?.isRefused ?? false,
    dialledAt: moment(-Infinity),
    patienceMs: PATIENCE_MS,
    isRejectionTold: known?.isRejectionTold ?? false,
  };
}
