/**
 * The leader's side of its pulse: the connections that its voters keep open, and
 * what is said on them. Nothing of it depends on the HA loop, so that a cycle that
 * waits for the store does not make the leader silent.
 *
 * Who is slow to read, says anything that was not asked for, or comes with too
 * many connections loses one; nothing is kept for him.
 */
import type { Duplex } from "node:stream";
import type { Moment } from "../core/base/units.ts";
import {
  ANSWER_BYTE,
  encodeSource,
  PULSE_BYTE,
  QUESTION_BYTE,
} from "../core/codec/pulse_codec.ts";
import type { MemberName } from "../core/model/member.ts";
import type { Clock } from "../ports/clock.ts";
import { PULSE_MS, type PulseSpeaker, type PulseWord } from "../ports/pulse.ts";

/** Every so many pulses an answer is wanted. */
const QUESTION_EVERY = 2;
/** Questions on their way: a voter that answered none for a minute is gone. */
const QUESTIONS_MAX = 64;
/** A voter whose connection is silent opens others, until one speaks. */
const LINES_PER_VOTER_MAX = 12;
/** Unsent bytes: more than a minute of pulses beyond what the kernel takes. */
const UNSENT_BYTES_MAX = 1_024;

const PULSE = Uint8Array.of(PULSE_BYTE);
const QUESTION = Uint8Array.of(QUESTION_BYTE);

interface Line {
  readonly voter: MemberName;
  readonly socket: Duplex;
  /** When questions were sent that are not answered yet, the oldest first. */
  readonly asked: Moment[];
}

/** Speaks to the voters that are connected. */
export class PulseLines implements PulseSpeaker {
  readonly #clock: Pick<Clock, "now">;
  readonly #lines = new Set<Line>();
  readonly #answered = new Map<MemberName, Moment>();
  #word: PulseWord | null = null;
  #source = "";
  readonly #waiters = new Set<() => void>();
  #timer: ReturnType<typeof setInterval> | null = null;
  #count = 0;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  speak(word: PulseWord | null): void {
    this.#word = word;
    const source = word === null ? "" : encodeSource(word);
    const isNew = source !== this.#source;
    this.#source = source;
    for (const line of this.#lines) {
      if (!this.isWelcome(line.voter)) line.socket.destroy();
      else if (isNew) this.#begin(line);
    }
    if (word === null) this.#answered.clear();
  }

  answeredAt(): ReadonlyMap<MemberName, Moment> {
    return this.#answered;
  }

  untilPulse(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal.aborted) {
      resolve();
      return promise;
    }
    const end = (): void => {
      this.#waiters.delete(end);
      signal.removeEventListener("abort", onAbort);
      resolve();
    };
    const onAbort = (): void => {
      end();
      this.#stopIfIdle();
    };
    signal.addEventListener("abort", onAbort);
    this.#waiters.add(end);
    this.#start();
    return promise;
  }

  /** Whether this member leads, and that one is among its voters. */
  isWelcome(voter: MemberName): boolean {
    return this.#word?.voters.includes(voter) ?? false;
  }

  /** Speaks on that connection from now on; it is closed in the end. */
  attach(voter: MemberName, socket: Duplex): void {
    const line: Line = { voter, socket, asked: [] };
    socket.on("data", (bytes: Uint8Array) => this.#hear(line, bytes));
    socket.on("error", () => socket.destroy());
    socket.once("end", () => socket.destroy());
    socket.once("close", () => this.#drop(line));
    this.#lines.add(line);
    const own = [...this.#lines].filter((one) => one.voter === voter);
    if (own.length > LINES_PER_VOTER_MAX) own[0]?.socket.destroy();
    this.#start();
    this.#begin(line);
  }

  #begin(line: Line): void {
    line.socket.write(this.#source);
    this.#say(line, "question");
  }

  #start(): void {
    this.#timer ??= setInterval(() => this.#beat(), PULSE_MS);
  }

  #stopIfIdle(): void {
    if (this.#lines.size > 0 || this.#waiters.size > 0) return;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #beat(): void {
    this.#stopIfIdle();
    const isQuestion = this.#count++ % QUESTION_EVERY === 0;
    const kind = isQuestion ? "question" : "pulse";
    for (const line of this.#lines) this.#say(line, kind);
    // Who waits on does so before the next one.
    for (const end of [...this.#waiters]) end();
  }

  #say({ socket, asked }: Line, kind: "pulse" | "question"): void {
    const isStuck = socket.writableLength > UNSENT_BYTES_MAX ||
      asked.length >= QUESTIONS_MAX;
    if (isStuck) return void socket.destroy();
    if (kind === "question") asked.push(this.#clock.now());
    socket.write(kind === "question" ? QUESTION : PULSE);
  }

  #hear({ voter, socket, asked }: Line, bytes: Uint8Array): void {
    for (const byte of bytes) {
      const at = asked.shift();
      if (byte !== ANSWER_BYTE || at === undefined) {
        return void socket.destroy();
      }
      const known = this.#answered.get(voter);
      if (known === undefined || known < at) this.#answered.set(voter, at);
    }
  }

  #drop(line: Line): void {
    this.#lines.delete(line);
    this.#stopIfIdle();
  }
}
