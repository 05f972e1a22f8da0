/** What an operator is told of one group of virtual addresses of a stand-alone proxy. */
import type { VipHolder } from "../lib/core/codec/vip_group_codec.ts";
import {
  obstacleText,
  type VipMove,
  type VipObstacle,
  type VipReleaseReason,
  type VipWaitReason,
} from "../lib/core/calc/host/vip_election.ts";
import type { VipGroup } from "../lib/core/model/vip.ts";
import type { Log } from "../lib/ports/log.ts";
import type { VipStats } from "./stats.ts";

/** What the store may keep a proxy from, as the beginning of a sentence. */
export type VipHindrance =
  | "Cannot renew the lease of"
  | "Cannot show that this proxy stands for"
  | "Cannot bid for"
  | "Cannot give back the keys of";

/** What a sentence is about. */
interface VipSight {
  readonly holder: VipHolder | null;
  readonly obstacle: VipObstacle | null;
}

/** Says what has changed, once. */
export class VipWords {
  readonly #group: VipGroup;
  readonly #log: Log;
  readonly #hindrances = new Map<VipHindrance, string>();
  #said = "";
  #last: { readonly move: VipMove; readonly sight: VipSight } | null = null;

  constructor(group: VipGroup, log: Log) {
    this.#group = group;
    this.#log = log;
  }

  /** Who carries the addresses, as it was told last. */
  stats(self: string): VipStats {
    const { group, vips } = this.#group;
    const isCarried = this.#last?.move.kind === "carry";
    const holder = this.#last?.sight.holder?.name ?? null;
    return {
      ...{ group, addresses: vips.map(({ address }) => address), isCarried },
      carrier: isCarried ? self : holder,
    };
  }

  /** Says what has changed, in one sentence. */
  tell(move: VipMove, seen: VipSight): void {
    this.#last = { move, sight: seen };
    const text = this.#text(move, seen);
    if (text === this.#said) return;
    this.#said = text;
    this.#log[isBad(move, seen) ? "warning" : "info"](text);
  }

  /** Says once that the store hinders this proxy. */
  hindered(what: VipHindrance, detail: string): void {
    if (this.#hindrances.get(what) === detail) return;
    this.#hindrances.set(what, detail);
    this.#log.warning(`${what} ${this.#name()}: ${detail}`);
  }

  /** It does so no longer. */
  unhindered(what: VipHindrance): void {
    this.#hindrances.delete(what);
  }

  #text(move: VipMove, { holder, obstacle }: VipSight): string {
    const name = this.#name();
    switch (move.kind) {
      case "carry":
        return `This proxy carries ${name}`;
      case "bid":
        return `This proxy bids for ${name}`;
      case "inherit":
        return `This proxy takes over ${name}`;
      case "release":
        return `This proxy gives ${name} away: ${
          releaseText(move.reason, obstacle)
        }`;
      case "wait":
        return this.#waitText(move.reason, { holder, obstacle });
    }
  }

  #waitText(reason: VipWaitReason, { holder, obstacle }: VipSight): string {
    const name = this.#name();
    switch (reason) {
      case "unfit":
        return `This proxy does not stand for ${name}: ${
          obstacle === null ? "it is not ready" : obstacleText(obstacle)
        }`;
      case "store_away":
        return `Nobody knows who carries ${name}: the store does not answer`;
      case "lease_over":
        return `This proxy does not carry ${name}: it could not renew its ` +
          "lease in time";
      case "held_by_other":
        return `The proxy ${holder?.name ?? "unknown"} carries ${name}`;
      case "outranked":
        return `A proxy of a higher priority is to carry ${name}`;
    }
  }

  #name(): string {
    const { group, vips } = this.#group;
    const addresses = vips.map(({ address }) => address).join(", ");
    return `the addresses of group "${group}" (${addresses})`;
  }
}

/** Whether somebody has to do something about it. */
function isBad(move: VipMove, { obstacle }: VipSight): boolean {
  if (move.kind !== "wait") return false;
  return move.reason === "unfit"
    ? obstacle?.kind !== "ending" && obstacle?.kind !== "scope_unread"
    : move.reason === "lease_over";
}

function releaseText(
  reason: VipReleaseReason,
  obstacle: VipObstacle | null,
): string {
  switch (reason) {
    case "unfit":
      return obstacle === null ? "it is not ready" : obstacleText(obstacle);
    case "outranked":
      return "a proxy of a higher priority wants them";
    case "cannot_bind":
      return "it cannot bind them, and another proxy may try";
    case "old_session":
      return "their key hangs on a session that has ended";
  }
}
