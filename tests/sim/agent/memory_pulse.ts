/**
 * The pulse in a simulated world: a leader that runs is heard every 500 ms by the
 * voters that it is linked to. Whether silence is silence is for the same
 * functions to say as in the product.
 */
import { after, type Moment } from "../../../lib/core/base/units.ts";
import {
  heardAtOf,
  heardNow,
  lookAgain,
  type Silence,
} from "../../../lib/core/calc/takeover/silence.ts";
import type { PulseSource } from "../../../lib/core/codec/pulse_codec.ts";
import type { MemberName } from "../../../lib/core/model/member.ts";
import { SilenceWaiters } from "../../../lib/adapters/peers/silence_waiters.ts";
import {
  PULSE_GRACE_MS,
  PULSE_MS,
  type PulseListener,
  type PulseSight,
  type PulseSpeaker,
  type PulseTarget,
  type PulseWord,
  QUIET_MS,
} from "../../../lib/ports/pulse.ts";
import type { World } from "../world/world.ts";
import type { Bridge } from "./bridge.ts";

const LOOK_MS = 100;

/** Who lives now, by member. */
export type PulseNet = Map<MemberName, MemoryPulse>;

/** Both sides of one agent. */
export class MemoryPulse implements PulseSpeaker, PulseListener {
  readonly #world: World;
  readonly #bridge: Bridge;
  readonly #net: PulseNet;
  readonly #answered = new Map<MemberName, Moment>();
  readonly #waiters = new SilenceWaiters();
  #word: PulseWord | null = null;
  #target: PulseTarget | null = null;
  #source: PulseSource | null = null;
  #silence: Silence | null = null;
  #postgresAt: Moment | null = null;
  #restMs = QUIET_MS;
  #isBeating = false;
  #isLooking = false;

  /** It takes the place of its predecessor in `net`. */
  constructor(world: World, bridge: Bridge, net: PulseNet) {
    this.#world = world;
    this.#bridge = bridge;
    this.#net = net;
    net.set(bridge.host.name, this);
  }

  speak(word: PulseWord | null): void {
    this.#word = word;
    if (word === null) this.#answered.clear();
    else if (!this.#isBeating) this.#beat();
  }

  answeredAt(): ReadonlyMap<MemberName, Moment> {
    return this.#answered;
  }

  untilPulse(signal: AbortSignal): Promise<void> {
    return this.#bridge.sleep(PULSE_MS, signal);
  }

  listenTo(target: PulseTarget | null): void {
    if (target?.leader !== this.#target?.leader) {
      this.#source = null;
      this.#silence = null;
      this.#postgresAt = null;
    }
    this.#target = target;
  }

  sight(): PulseSight | null {
    if (this.#target === null) return null;
    const { leader } = this.#target;
    const silence = this.#silenceNow();
    return {
      leader,
      term: this.#source?.term ?? null,
      heardAt: silence === null ? null : heardAtOf(silence),
      postgresAt: this.#postgresAt,
      refused: this.#refusals(leader),
    };
  }

  untilSilent(silentMs: number, signal: AbortSignal): Promise<void> {
    const told = this.#waiters.add(silentMs, signal);
    this.#tell();
    if (!this.#isLooking) this.#lookLater();
    return told;
  }

  #beat(): void {
    const word = this.#word;
    this.#isBeating = word !== null;
    if (word === null) return;
    const sentAt = this.#bridge.now();
    this.#world.timeline.after(this.#world.callDelayMs(), () => {
      for (const voter of word.voters) this.#reach(voter, word, sentAt);
    });
    this.#bridge.host.after(PULSE_MS, () => this.#beat());
  }

  #reach(voter: MemberName, word: PulseWord, sentAt: Moment): void {
    const { name } = this.#bridge.host;
    if (!this.#world.isLinkOpen(name, voter)) return;
    this.#net.get(voter)?.hear(word, () => {
      if (this.#word !== null) this.#answered.set(voter, sentAt);
    });
  }

  /** A pulse has come; heard when this agent runs. */
  hear(source: PulseSource, answer: () => void): void {
    this.#bridge.enter(() => {
      if (source.leader !== this.#target?.leader) return;
      this.#silence = heardNow(after(this.#bridge.now(), PULSE_GRACE_MS));
      this.#source = source;
      this.#postgresAt = null;
      this.#restMs = QUIET_MS;
      answer();
    });
  }

  #silenceNow(): Silence | null {
    if (this.#silence === null) return null;
    return lookAgain(this.#silence, this.#bridge.now(), this.#restMs);
  }

  #lookLater(): void {
    this.#isLooking = true;
    this.#bridge.host.after(this.#restMs, () => this.#look());
  }

  #look(): void {
    const silence = this.#silenceNow();
    if (silence !== null && silence.silentMs >= QUIET_MS) {
      this.#silence = silence;
      this.#restMs = LOOK_MS;
      this.#askPostgres();
    }
    this.#tell();
    this.#isLooking = this.#waiters.next(-1) < Infinity;
    if (this.#isLooking) this.#lookLater();
  }

  #askPostgres(): void {
    const leader = this.#target?.leader ?? "";
    const isLinked = this.#world.isLinkOpen(this.#bridge.host.name, leader);
    if (!isLinked) return;
    const isRunning = this.#world.instance(leader)?.run === "running";
    this.#postgresAt = isRunning ? this.#bridge.now() : null;
  }

  #refusals(leader: MemberName): PulseSight["refused"] {
    const site = this.#world.site(leader);
    const isLinked = this.#world.isLinkOpen(this.#bridge.host.name, leader);
    const isSilent = (this.#silenceNow()?.silentMs ?? 0) >= LOOK_MS;
    if (site === null || !isLinked || !isSilent) {
      return { agent: false, postgres: false, proxy: false };
    }
    return {
      agent: !site.host.isAgentUp,
      postgres: site.instance.run === "down",
      proxy: true,
    };
  }

  #tell(): void {
    const silence = this.#silenceNow();
    if (silence === null) return;
    const { agent, postgres } = this.#refusals(this.#target?.leader ?? "");
    this.#waiters.tell(agent && postgres ? Infinity : silence.silentMs);
  }
}
