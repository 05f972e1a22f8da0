/**
 * One group of virtual addresses of a stand-alone proxy: what is remembered of
 * it between two turns of the election.
 */
import {
  type VipGroupView,
  vipHolderKey,
} from "../lib/core/codec/vip_group_codec.ts";
import {
  carriesAll,
  type VipReleaseReason,
} from "../lib/core/calc/host/vip_election.ts";
import {
  after,
  type Moment,
  remainingMs,
  type Revision,
} from "../lib/core/base/units.ts";
import type { HostAddresses, VipGroup } from "../lib/core/model/vip.ts";
import type { DcsWrite } from "../lib/ports/dcs.ts";
import type { Log } from "../lib/ports/log.ts";
import { VipWords } from "./vip_words.ts";

/** Looking for another owner takes a second, and so does the kernel's search for IPv6. */
const BIND_MS_MAX = 4_000;

/** A proxy that could not bind leaves the addresses to others for that long, then for longer. */
const STAND_BACK_MS = 10_000;
const STAND_BACK_MS_MAX = 60_000;

/** Deletes the key of a group's holder, if it is still that one. */
export function keyGivenBack(group: string, revision: Revision): DcsWrite {
  const key = vipHolderKey(group);
  return {
    when: [{ kind: "revision_is", key, revision }],
    edits: [{ kind: "delete", key }],
  };
}

/** What is remembered of one group. */
export class VipSeat {
  readonly group: VipGroup;
  readonly words: VipWords;
  /** Until when the key is sure to be this proxy's, as the store was seen last; null: it is not. */
  heldUntil: Moment | null = null;
  /** Until when the host was told to carry the addresses; null: never. */
  carriedUntil: Moment | null = null;
  vacantSince: Moment | null = null;
  /** What this proxy's candidate key says; null: it has none, as far as is known. */
  candidacy: string | null = null;
  #failingSince: Moment | null = null;
  #standBack: { readonly until: Moment; readonly ms: number } | null = null;

  constructor(group: VipGroup, log: Log) {
    this.group = group;
    this.words = new VipWords(group, log);
  }

  /** It could not bind, and somebody else may try. */
  standsBack(now: Moment): boolean {
    return this.#standBack !== null &&
      remainingMs(this.#standBack.until, now) > 0;
  }

  /** Holds the key, but its addresses have not been here for a while. */
  isFailing(now: Moment): boolean {
    return this.#failingSince !== null &&
      remainingMs(after(this.#failingSince, this.#bindMsMax), now) <= 0;
  }

  /** A cloud takes as long as its program may. */
  get #bindMsMax(): number {
    const programs = this.group.vips.map(({ exec }) => exec?.timeoutMs ?? 0);
    return BIND_MS_MAX + Math.max(0, ...programs);
  }

  /** Notes what the store shows. */
  seen({ holder }: VipGroupView, now: Moment): void {
    this.vacantSince = holder === null ? this.vacantSince ?? now : null;
  }

  /** Holds the key until then; whether the addresses are here already, `host` shows. */
  holds(until: Moment, host: HostAddresses | null, now: Moment): void {
    this.heldUntil = until;
    this.carriedUntil = until;
    const isHere = carriesAll(this.group.vips, host);
    if (isHere) this.#standBack = null;
    this.#failingSince = isHere ? null : this.#failingSince ?? now;
  }

  /** The key is given back, or lost. */
  leaves(reason: VipReleaseReason | "lost", now: Moment): void {
    this.heldUntil = null;
    this.#failingSince = null;
    if (reason !== "cannot_bind") return;
    const before = this.#standBack?.ms ?? STAND_BACK_MS / 2;
    const ms = Math.min(STAND_BACK_MS_MAX, 2 * before);
    this.#standBack = { until: after(now, ms), ms };
  }
}
