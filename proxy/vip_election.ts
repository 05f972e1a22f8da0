/**
 * Virtual addresses of stand-alone proxies: takes part in the election of each
 * group and has the host carry what this proxy holds. Who carries is decided in
 * `lib/core/calc/host/vip_election.ts`.
 *
 * One loop does all of it: the session is renewed in its turns and nowhere else,
 * so a process that hangs loses its addresses to the kernel, and its keys to the
 * store.
 */
import {
  hostObstacle,
  mayCarryAny,
  type VipLook,
  type VipMove,
  vipMove,
  type VipObstacle,
  vipSessionUntil,
} from "../lib/core/calc/host/vip_election.ts";
import {
  decodeVipGroup,
  encodeVipCandidate,
  isVipKey,
  type VipCandidate,
  vipCandidateKey,
  type VipGroupView,
  vipHolderKey,
} from "../lib/core/codec/vip_group_codec.ts";
import {
  type Moment,
  remainingMs,
  type Revision,
} from "../lib/core/base/units.ts";
import type { HostAddresses, VipGroup } from "../lib/core/model/vip.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type {
  Dcs,
  DcsLimits,
  DcsSession,
  DcsSnapshot,
} from "../lib/ports/dcs.ts";
import type { Log } from "../lib/ports/log.ts";
import type { VipCarrier, VipHost } from "../lib/ports/vip.ts";
import { errorText } from "./error_text.ts";
import type { VipStats } from "./stats.ts";
import { keyGivenBack, VipSeat } from "./vip_seat.ts";

/** Turns in a ttl. */
const TURNS_PER_TTL = 6;
const TURN_MS_MAX = 5_000;

/** One call may take a third of a ttl, so that two can fail before the lease ends. */
const CALLS_PER_TTL = 3;

/** Each of the last calls of a proxy that ends may take that long. */
const LAST_CALL_MS = 1_000;

/** After a change of the keys, so that changes at the same time are one turn. */
const TURN_MS_MIN = 50;

/** What the election works with. */
interface VipElectionParts {
  readonly clock: Clock;
  readonly dcs: Dcs;
  readonly log: Log;
  readonly carrier: VipCarrier & VipHost;
  readonly groups: readonly VipGroup[];
  /** Of this process: another one for each start. */
  readonly id: string;
  /** For people. */
  readonly name: string;
  readonly ttlMs: number;
  /** The election of a proxy that left its addresses on this host to this one (`handOn`); absent or null: of none. */
  readonly heirOf?: string | null;
  /** What keeps this proxy from serving clients; null: nothing. */
  readonly obstacle: () => VipObstacle | null;
}

/** Takes part until it is ended. */
export class VipElection {
  readonly #parts: VipElectionParts;
  readonly #seats: readonly VipSeat[];
  readonly #ending = new AbortController();
  readonly #ended: Promise<void>;
  readonly #ttlMs: number;
  #waking = new AbortController();
  #session: DcsSession | null = null;
  #sessionUntil: Moment | null = null;
  /** Groups whose addresses the next proxy of this host takes as they are. */
  #handedOn: ReadonlySet<string> = new Set();

  constructor(parts: VipElectionParts) {
    const { dcs, groups, log } = parts;
    this.#parts = parts;
    this.#ttlMs = Math.max(parts.ttlMs, dcs.capabilities.ttlMinMs);
    this.#seats = groups.map((group) => new VipSeat(group, log));
    if (this.#ttlMs > parts.ttlMs) {
      log.warning(
        `The lease of virtual addresses lasts ${this.#ttlMs / 1000} s, not ` +
          `${parts.ttlMs / 1000} s: this store has no shorter one`,
      );
    }
    this.#ended = this.#run();
  }

  /** Who carries the addresses of each group. */
  stats(): readonly VipStats[] {
    return this.#seats.map(({ words }) => words.stats(this.#parts.name));
  }

  /** What this process is called in the store. */
  get id(): string {
    return this.#parts.id;
  }

  /**
   * Ends, and leaves the addresses of these groups, with their keys, to the proxy
   * that replaces this one here; what is not taken up goes when its lease ends.
   * From the call on this one touches none of them. Never throws.
   */
  async handOn(groups: ReadonlySet<string>): Promise<void> {
    this.#handedOn = groups;
    await this.end();
  }

  /** Takes the addresses away, then gives their keys back. Bounded to some seconds; never throws. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { clock, dcs, log } = this.#parts;
    const { signal } = this.#ending;
    dcs.watch({
      onChange: ({ key }) => isVipKey(key) && this.#waking.abort(),
      onReset: () => this.#waking.abort(),
    }, signal);
    signal.addEventListener("abort", () => this.#waking.abort());
    while (!signal.aborted) {
      this.#waking = new AbortController();
      try {
        await this.#turn();
      } catch (error) {
        const text = errorText(error);
        log.error(`The election of virtual addresses failed: ${text}`, {
          error,
        });
      }
      const turnMs = Math.min(TURN_MS_MAX, this.#ttlMs / TURNS_PER_TTL);
      await clock.sleep(turnMs, this.#waking.signal);
      if (!signal.aborted) await clock.sleep(TURN_MS_MIN, signal);
    }
    await this.#leave();
  }

  async #turn(): Promise<void> {
    const { carrier } = this.#parts;
    const host = await carrier.look();
    const missing = await carrier.findMissing();
    const snapshot = await this.#readRenewed();
    const wishes = [];
    for (const seat of this.#seats) {
      const obstacle = missing !== null
        ? { kind: "not_allowed", why: missing } as const
        : this.#obstacleOf(seat, host);
      const view = snapshot === null
        ? null
        : decodeVipGroup(snapshot, seat.group.group);
      const until = await this.#decide(seat, { obstacle, view, host });
      const part = until === null
        ? { kind: "none" } as const
        : { kind: "carry", until } as const;
      wishes.push(...seat.group.vips.map((vip) => ({ vip, part })));
    }
    if (!this.#ending.signal.aborted) carrier.reconcile(wishes);
  }

  /** What the store shows after this renewal; null: it did not answer. */
  async #readRenewed(): Promise<DcsSnapshot | null> {
    const { dcs } = this.#parts;
    try {
      await this.#renew();
      const snapshot = await dcs.read(this.#limits());
      for (const seat of this.#seats) {
        seat.words.unhindered("Cannot renew the lease of");
      }
      return snapshot;
    } catch (error) {
      for (const seat of this.#seats) {
        seat.words.hindered("Cannot renew the lease of", errorText(error));
      }
      return null;
    }
  }

  /** The deadline counts from before the request. */
  async #renew(): Promise<void> {
    const { clock, dcs } = this.#parts;
    const held = this.#session;
    if (held !== null) {
      const since = clock.now();
      const answer = await dcs.renewSession(held.id, this.#limits());
      if (answer === "alive") return this.#cover(since, held);
      this.#session = null;
      this.#sessionUntil = null;
      for (const seat of this.#seats) {
        seat.leaves("lost", clock.now());
        seat.candidacy = null;
      }
    }
    const since = clock.now();
    const session = await dcs.openSession(this.#ttlMs, this.#limits());
    this.#session = session;
    this.#cover(since, session);
  }

  #cover(since: Moment, { ttlMs }: DcsSession): void {
    // A store may grant more than was asked for, and nobody counts on that.
    const least = Math.min(ttlMs, this.#ttlMs);
    this.#sessionUntil = vipSessionUntil(since, least);
  }

  /** One group: until when this proxy carries its addresses; null: it does not. */
  async #decide(seat: VipSeat, scene: Scene): Promise<Moment | null> {
    const { clock } = this.#parts;
    const { host, obstacle, view } = scene;
    const now = clock.now();
    if (view !== null) seat.seen(view, now);
    const look: VipLook = {
      ...{ now, obstacle, view, ttlMs: this.#ttlMs },
      self: this.#self(seat),
      sessionUntil: this.#sessionUntil,
      heldUntil: seat.heldUntil,
      heirOf: this.#parts.heirOf ?? null,
      isFailing: seat.isFailing(now),
      vacantSince: seat.vacantSince,
    };
    const move = vipMove(look);
    if (view !== null) await this.#stand(seat, scene);
    const holder = view?.holder ?? null;
    if (move.kind !== "wait" || move.reason !== "store_away") {
      seat.words.tell(move, { holder, obstacle });
    }
    switch (move.kind) {
      case "carry":
        seat.holds(move.until, host, now);
        return move.until;
      case "bid":
        return await this.#bid(seat, null);
      case "inherit":
        return await this.#bid(seat, move.revision);
      case "release":
        await this.#release(seat, move);
        return null;
      case "wait":
        if (move.reason !== "store_away") seat.leaves("lost", now);
        return null;
    }
  }

  /** Shows the others that this proxy could carry the addresses, or that it could not. */
  async #stand(seat: VipSeat, { obstacle, view }: Scene): Promise<void> {
    const session = this.#session;
    const { id } = this.#parts;
    const key = vipCandidateKey(seat.group.group, id);
    const value = obstacle === null
      ? encodeVipCandidate(this.#self(seat))
      : null;
    const isShown = view?.candidates.some((one) => one.id === id) ?? false;
    if (value === seat.candidacy && isShown === (value !== null)) return;
    if (session === null) return;
    const edit = value === null
      ? { kind: "delete", key } as const
      : { kind: "put", key, value, session: session.id } as const;
    try {
      await this.#parts.dcs.write({ when: [], edits: [edit] }, this.#limits());
      seat.candidacy = value;
      seat.words.unhindered("Cannot show that this proxy stands for");
    } catch (error) {
      seat.words.hindered(
        "Cannot show that this proxy stands for",
        errorText(error),
      );
    }
  }

  /**
   * Puts the key: where there is none, or in place of that one.
   *
   * @returns Until when it is this proxy's now; null: it is not.
   */
  async #bid(
    seat: VipSeat,
    replaced: Revision | null,
  ): Promise<Moment | null> {
    const { clock, dcs } = this.#parts;
    const [session, until] = [this.#session, this.#sessionUntil];
    if (session === null || until === null) return null;
    const key = vipHolderKey(seat.group.group);
    const value = encodeVipCandidate(this.#self(seat));
    try {
      const { kind } = await dcs.write({
        when: [
          replaced === null
            ? { kind: "absent", key }
            : { kind: "revision_is", key, revision: replaced },
        ],
        edits: [{ kind: "put", key, value, session: session.id }],
      }, this.#limits());
      seat.words.unhindered("Cannot bid for");
      if (kind !== "done") return null;
    } catch (error) {
      // It may have been written: the next turn's view tells.
      seat.words.hindered("Cannot bid for", errorText(error));
      return null;
    }
    seat.holds(until, null, clock.now());
    return until;
  }

  /** The address goes first; as long as it may be here, so does the key stay. */
  async #release(
    seat: VipSeat,
    { reason, revision }: Extract<VipMove, { readonly kind: "release" }>,
  ): Promise<void> {
    const { carrier, clock, dcs } = this.#parts;
    const { group, vips } = seat.group;
    await carrier.dropAll(vips);
    const isOver = seat.carriedUntil === null ||
      remainingMs(seat.carriedUntil, clock.now()) <= 0;
    if (!isOver && mayCarryAny(vips, await carrier.look())) return;
    try {
      await dcs.write(keyGivenBack(group, revision), this.#limits());
      seat.leaves(reason, clock.now());
    } catch (error) {
      seat.words.hindered("Cannot give back the keys of", errorText(error));
    }
  }

  /** The proxy ends: addresses first, then the keys, all of them at once. */
  async #leave(): Promise<void> {
    const { carrier } = this.#parts;
    const ended = this.#seats.filter(({ group }) =>
      !this.#handedOn.has(group.group)
    );
    if (ended.length > 0) {
      await carrier.dropAll(ended.flatMap(({ group }) => group.vips));
    }
    const host = await carrier.look();
    await Promise.all(this.#seats.map((seat) => this.#leaveSeat(seat, host)));
    await carrier.close();
  }

  async #leaveSeat(seat: VipSeat, host: HostAddresses | null): Promise<void> {
    const { dcs, id } = this.#parts;
    const { group, vips } = seat.group;
    const limits = { timeoutMs: LAST_CALL_MS };
    try {
      const view = decodeVipGroup(await dcs.read(limits), group);
      const { holder } = view;
      const isLeft = this.#handedOn.has(group);
      if (!isLeft && holder?.id === id && !mayCarryAny(vips, host)) {
        await dcs.write(keyGivenBack(group, holder.revision), limits);
      }
      if (seat.candidacy === null) return;
      const key = vipCandidateKey(group, id);
      const edits = [{ kind: "delete", key }] as const;
      await dcs.write({ when: [], edits }, limits);
    } catch (error) {
      // The keys end with their session.
      seat.words.hindered("Cannot give back the keys of", errorText(error));
    }
  }

  #obstacleOf(seat: VipSeat, host: HostAddresses | null): VipObstacle | null {
    const { clock, obstacle } = this.#parts;
    return obstacle() ?? hostObstacle(seat.group.vips, host) ??
      (seat.standsBack(clock.now()) ? { kind: "stands_back" } : null);
  }

  #self(seat: VipSeat): VipCandidate {
    const { id, name } = this.#parts;
    const { isPreempting, priority } = seat.group;
    return { id, name, priority, isPreempting };
  }

  #limits(): DcsLimits {
    return { timeoutMs: Math.floor(this.#ttlMs / CALLS_PER_TTL) };
  }
}

interface Scene {
  readonly obstacle: VipObstacle | null;
  readonly view: VipGroupView | null;
  readonly host: HostAddresses | null;
}
