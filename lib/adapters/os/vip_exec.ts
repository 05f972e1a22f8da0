/**
 * Virtual addresses that an operator's program moves, as in a cloud, where a
 * network does not listen to its hosts: `COMMAND acquire ADDRESS` takes the
 * address for this host from whichever has it, `COMMAND release ADDRESS` gives it
 * up if this host has it. Each is called again until it succeeds, and ended when
 * it takes too long.
 *
 * No kernel takes such an address away from a host whose processes are dead or
 * that is cut off. That there is one owner comes from the cloud, which has one
 * entry per address, and from the lease: nobody acquires without it, and whoever
 * has it takes the address by force. What an owner of before has asked for may
 * still be under way then, for as long as its program may run; so an address is
 * acquired once more after that time.
 */
import { after, type Moment, remainingMs } from "../../core/base/units.ts";
import type { BoundAddress, Vip } from "../../core/model/vip.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { VipCarrier, VipWish } from "../../ports/vip.ts";
import { type LimitedEnd, runLimited } from "./run_limited.ts";
import type { VipHooks } from "./vip_hooks.ts";

const AGAIN_MS = 2_000;
const AGAIN_MS_MAX = 30_000;
/** Less of a lease than that is not worth a call. */
const LEASE_MS_MIN = 1_000;
/** A demotion waits that long for its addresses to go; it is not writable any more after that. */
const DROP_MAX_MS = 1_000;
/** The last release of a process that ends may take that long. */
const CLOSE_MAX_MS = 5_000;
const FOR_EVER_MS = 3_600_000;

/** What it needs. */
interface VipExecParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly hooks: Pick<VipHooks, "moved">;
  /** The address may be somebody else's job soon: a release is tried for no longer than one call may take. */
  readonly isShortLived?: boolean;
}

/** One address of this host, as far as is known. */
interface Place {
  vip: Vip;
  part: VipWish["part"];
  /**
   * "unknown": nothing was called yet, and a process before may have left it here;
   * "taking": a call was made that has not succeeded (yet).
   */
  state: "unknown" | "taking" | "here" | "gone";
  /** Since when it is not wanted here. */
  unwantedSince: Moment;
  isCalling: boolean;
  /** When an address that is here is acquired again; null: not. */
  againAt: Moment | null;
  failures: number;
  /** Ends the sleep or the call of now. */
  waking: AbortController;
  said: string;
  /** Resolves at the next release that succeeded. */
  released: PromiseWithResolvers<void>;
}

/** Carries addresses by an operator's program. */
export class VipExec implements VipCarrier {
  readonly #parts: VipExecParts;
  readonly #places = new Map<string, Place>();
  readonly #working = new Set<Promise<void>>();
  #isClosed = false;

  constructor(parts: VipExecParts) {
    this.#parts = parts;
  }

  /** Those that may be here; one that is only being taken is as little of use as a duplicate. */
  get bound(): readonly BoundAddress[] {
    return [...this.#places.values()]
      .filter(({ state }) => state === "here" || state === "taking")
      .map(({ state, vip }) => ({
        address: vip.address,
        interface: vip.interface,
        prefixLength: vip.prefixLength,
        isDuplicate: state === "taking",
      }));
  }

  reconcile(wishes: readonly VipWish[]): void {
    for (const { vip, part } of wishes) this.#want(vip, part);
  }

  async dropAll(vips: readonly Vip[]): Promise<void> {
    const { clock } = this.#parts;
    const gone = vips.map((vip) => {
      this.#want(vip, { kind: "none" });
      const place = this.#places.get(vip.address);
      return place?.state === "gone" ? null : place?.released.promise;
    });
    const done = new AbortController();
    const limit = clock.sleep(DROP_MAX_MS, done.signal);
    await Promise.race([Promise.all(gone), limit]);
    done.abort();
  }

  /** A release that is under way has some seconds; who starts next calls again. */
  async close(): Promise<void> {
    const { clock } = this.#parts;
    this.#isClosed = true;
    for (const { isCalling, part, waking } of this.#places.values()) {
      if (!isCalling || part.kind !== "none") waking.abort();
    }
    const done = new AbortController();
    const ended = Promise.all(this.#working);
    const limit = clock.sleep(CLOSE_MAX_MS, done.signal);
    await Promise.race([ended, limit]);
    done.abort();
    for (const { waking } of this.#places.values()) waking.abort();
    await ended;
  }

  #want(vip: Vip, part: VipWish["part"]): void {
    if (this.#isClosed) return;
    const known = this.#places.get(vip.address);
    if (known === undefined) return this.#begin(vip, part);
    const before = known.part;
    known.vip = vip;
    known.part = part;
    const isTurned = (before.kind === "none") !== (part.kind === "none");
    if (isTurned) {
      known.failures = 0;
      known.unwantedSince = this.#parts.clock.now();
      return known.waking.abort();
    }
    const isEarlier = before.kind !== "none" && part.kind !== "none" &&
      part.until < before.until;
    const isOther = before.kind !== part.kind;
    if (!known.isCalling && (isEarlier || isOther)) known.waking.abort();
  }

  #begin(vip: Vip, part: VipWish["part"]): void {
    const { clock, log } = this.#parts;
    const place: Place = {
      ...{ vip, part, state: "unknown", againAt: null, failures: 0 },
      ...{ unwantedSince: clock.now(), isCalling: false },
      ...{ waking: new AbortController(), said: "" },
      released: Promise.withResolvers<void>(),
    };
    this.#places.set(vip.address, place);
    const working = this.#work(place).catch((error) => {
      log.error(`Looking after a VIP failed: ${error}`, { error });
    }).finally(() => this.#working.delete(working));
    this.#working.add(working);
  }

  /** One call at a time. */
  async #work(place: Place): Promise<void> {
    const { clock } = this.#parts;
    while (!this.#isClosed) {
      place.waking = new AbortController();
      const step = this.#stepOf(place);
      if (step.kind !== "rest") {
        await this.#call(place, step);
        if (place.waking.signal.aborted) continue;
        if (place.failures === 0) continue;
      }
      const restMs = step.kind === "rest"
        ? step.ms
        : Math.min(AGAIN_MS_MAX, AGAIN_MS * place.failures);
      await clock.sleep(restMs, place.waking.signal);
    }
  }

  #stepOf(place: Place): Step {
    const { clock } = this.#parts;
    const now = clock.now();
    const { part, state, vip } = place;
    const leftMs = part.kind === "none" ? 0 : remainingMs(part.until, now);
    const callMs = vip.exec?.timeoutMs ?? 0;
    if (leftMs <= 0) {
      const limitMs = this.#parts.isShortLived
        ? remainingMs(after(place.unwantedSince, callMs), now)
        : callMs;
      return state === "gone" || limitMs <= 0
        ? { kind: "rest", ms: FOR_EVER_MS }
        : { kind: "release", limitMs };
    }
    const againMs = place.againAt === null
      ? Infinity
      : remainingMs(place.againAt, now);
    const isDue = part.kind === "carry" && leftMs >= LEASE_MS_MIN &&
      (state !== "here" || againMs <= 0);
    if (!isDue) return { kind: "rest", ms: Math.min(leftMs, againMs) };
    return { kind: "acquire", limitMs: Math.min(callMs, leftMs) };
  }

  async #call(place: Place, step: Call): Promise<void> {
    const { clock } = this.#parts;
    const { vip, waking: { signal } } = place;
    if (vip.exec === null) return;
    const wasHere = place.state === "here";
    // It may be here from the moment in which the program is started.
    if (step.kind === "acquire" && !wasHere) place.state = "taking";
    place.isCalling = true;
    const words = [...vip.exec.words, step.kind, vip.address];
    const command = { words, timeoutMs: step.limitMs };
    const end = await runLimited(command, { clock, signal, env: envOf(vip) });
    place.isCalling = false;
    const isDone = end.kind === "ended" && end.code === 0;
    if (!isDone) return this.#failed(place, step, end);
    place.failures = 0;
    if (step.kind === "release") return this.#released(place);
    this.#acquired(place, wasHere);
  }

  #acquired(place: Place, wasHere: boolean): void {
    const { clock, hooks } = this.#parts;
    const { vip } = place;
    place.state = "here";
    // What the owner of before has asked for may come that late.
    const againMs = wasHere
      ? vip.announceEveryMs ?? FOR_EVER_MS
      : vip.exec?.timeoutMs ?? FOR_EVER_MS;
    place.againAt = after(clock.now(), againMs);
    this.#say(place, "info", `VIP ${vip.address} is acquired by its command`);
    if (!wasHere) hooks.moved(vip, "bound");
  }

  #released(place: Place): void {
    const { vip, state } = place;
    place.state = "gone";
    place.againAt = null;
    place.released.resolve();
    place.released = Promise.withResolvers<void>();
    if (state === "unknown") return;
    this.#say(place, "info", `VIP ${vip.address} is released by its command`);
    this.#parts.hooks.moved(vip, "released");
  }

  #failed(place: Place, step: Call, end: LimitedEnd): void {
    if (end.kind === "aborted") return;
    place.failures++;
    const text = `Cannot ${step.kind} VIP ${place.vip.address}: ` +
      `${endText(end, step)}; it is tried again`;
    this.#say(place, "error", text);
  }

  #say(place: Place, level: "info" | "error", text: string): void {
    if (place.said === text) return;
    place.said = text;
    this.#parts.log[level](text);
  }
}

type Call = {
  readonly kind: "acquire" | "release";
  readonly limitMs: number;
};
type Step = Call | { readonly kind: "rest"; readonly ms: number };

function envOf(vip: Vip): Readonly<Record<string, string>> {
  return {
    VIP_ADDRESS: vip.address,
    VIP_PREFIX: String(vip.prefixLength),
    VIP_INTERFACE: vip.interface,
    VIP_ROLE: vip.role,
  };
}

function endText(end: LimitedEnd, { limitMs }: Call): string {
  switch (end.kind) {
    case "ended": {
      const last = end.output.trim().split("\n").at(-1) ?? "";
      return `its command ended with code ${end.code}` +
        (last === "" ? "" : ` (${last})`);
    }
    case "late":
      return `its command took longer than ${limitMs / 1000} s`;
    case "not_started":
      return `its command cannot be started (${end.why})`;
    case "aborted":
      return "its command was ended";
  }
}
