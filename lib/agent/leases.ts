/**
 * The one lease of this agent: granted, renewed and bound to the leader key here
 * and nowhere else. Keeps the lease discipline of docs/architecture.md: the
 * deadline counts from before the request, nobody renews in the background, a
 * released lease cannot come back by itself.
 */
import type { LeaseId, Moment, Revision } from "../core/base/units.ts";
import type { LeaderKey } from "../core/model/cluster_view.ts";
import type { MemberName } from "../core/model/member.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs, DcsGuard, DcsLimits, DcsResult } from "../ports/dcs.ts";
import type { LeadRight } from "./lead_right.ts";

const LEADER = "leader";

/** What a lease call is allowed to take and asks for. */
export interface LeaseTerms extends DcsLimits {
  readonly ttlMs: number;
}

/** What the keeper works with. */
interface LeaseParts {
  readonly dcs: Dcs;
  readonly clock: Pick<Clock, "now">;
  /** Extended with each renewal. */
  readonly right: LeadRight;
}

/** Keeps this agent's lease. Calls run one after the other, whoever makes them. */
export class LeaseKeeper {
  readonly #dcs: Dcs;
  readonly #clock: Pick<Clock, "now">;
  readonly #right: LeadRight;
  readonly #self: MemberName;
  #lease: { readonly id: LeaseId; readonly ttlMs: number } | null = null;
  #isReleased = false;
  /** Of the leader key as this keeper knows it; tells two lives of one member apart. */
  #keyRevision: Revision | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: LeaseParts, self: MemberName) {
    this.#dcs = parts.dcs;
    this.#clock = parts.clock;
    this.#right = parts.right;
    this.#self = self;
  }

  /** The key was given back, or a call that does so is on its way. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  /**
   * The term of this leader: the revision of its key, as this keeper wrote or saw
   * it last. Every write of the sync key depends on it; null: it never led.
   */
  get term(): Revision | null {
    return this.#keyRevision;
  }

  /** The lease that the member key should hang on; null before the first grant. */
  get leaseId(): LeaseId | null {
    return this.#lease?.id ?? null;
  }

  /**
   * Bids for the free leader key.
   *
   * @param isStillFit Asked with the key in hand and before it counts: the bid was
   * decided on a view, and since then somebody else may have led and gone.
   * @throws DcsUnreachableError, DcsRefusedError; the bid may have been won then:
   * the next renewal gives such a key back.
   */
  acquire(
    terms: LeaseTerms,
    isStillFit: () => Promise<boolean>,
  ): Promise<"won" | "lost"> {
    return this.#inTurn(async () => {
      const { id, since } = await this.#freshLease(terms);
      // Until the bid is known to be won and to fit, the key goes back if it is found.
      this.#isReleased = true;
      const result = await this.#dcs.write({
        kind: "put",
        key: LEADER,
        value: this.#self,
        leaseId: id,
        guard: { kind: "absent" },
      }, terms);
      if (result.kind === "guard_failed") return "lost";
      this.#keyRevision = result.revision;
      if (!await isStillFit()) {
        const guard = {
          kind: "revision_is",
          revision: result.revision,
        } as const;
        await this.#delete(guard, terms);
        return "lost";
      }
      this.#isReleased = false;
      this.#hold(since, terms);
      return "won";
    });
  }

  /**
   * Renews the lease of `key`, as it was seen last; after a restart of the agent
   * the key is bound to the new lease first.
   *
   * @param key The leader key; null: nobody leads.
   */
  renew(
    key: LeaderKey | null,
    terms: LeaseTerms,
  ): Promise<"renewed" | "lost"> {
    return this.#inTurn(async () => {
      if (key?.name !== this.#self) return this.#lose();
      if (this.#isReleased) return await this.#releaseAgain(key, terms);
      const held = this.#lease;
      const { id, since } = await this.#freshLease(terms);
      // Our lease is gone, and with it the key: that calls for a race, not for a rebind.
      const hasExpired = held !== null && held.id !== id &&
        held.ttlMs === terms.ttlMs;
      if (hasExpired) return this.#lose();
      if (key.leaseId !== id) {
        const result = await this.#dcs.write({
          kind: "put",
          key: LEADER,
          value: this.#self,
          leaseId: id,
          guard: { kind: "value_is", value: this.#self },
        }, terms);
        if (result.kind === "guard_failed") return this.#lose();
        this.#keyRevision = result.revision;
      } else this.#keyRevision = key.revision;
      this.#hold(since, terms);
      return "renewed";
    });
  }

  /**
   * Gives the leader key back by compare-and-delete. The right to lead ends
   * before the request is sent.
   *
   * @returns False if the key was not ours any more.
   */
  release(limits: DcsLimits): Promise<boolean> {
    this.#isReleased = true;
    this.#right.forget();
    return this.#inTurn(async () => {
      this.#right.forget();
      const guard: DcsGuard = this.#keyRevision === null
        ? { kind: "value_is", value: this.#self }
        : { kind: "revision_is", revision: this.#keyRevision };
      const result = await this.#delete(guard, limits);
      return result.kind === "done";
    });
  }

  /** One renewal for the member key of an agent that does not lead. */
  keepMember(terms: LeaseTerms): Promise<LeaseId> {
    return this.#inTurn(async () => (await this.#freshLease(terms)).id);
  }

  /** The own lease, renewed or granted now; `since` is the moment before the request. */
  async #freshLease(
    terms: LeaseTerms,
  ): Promise<{ readonly id: LeaseId; readonly since: Moment }> {
    const held = this.#lease;
    if (held !== null && held.ttlMs === terms.ttlMs) {
      const since = this.#clock.now();
      const answer = await this.#dcs.renewLease(held.id, terms);
      if (answer.kind === "alive") return { id: held.id, since };
    }
    const since = this.#clock.now();
    const id = await this.#dcs.grantLease(terms.ttlMs, terms);
    this.#lease = { id, ttlMs: terms.ttlMs };
    return { id, since };
  }

  /** A release got lost on its way, and the lease of the member key keeps the leader key alive. */
  async #releaseAgain(leader: LeaderKey, limits: DcsLimits): Promise<"lost"> {
    this.#right.forget();
    const { revision } = leader;
    await this.#delete({ kind: "revision_is", revision }, limits);
    return "lost";
  }

  #delete(guard: DcsGuard, limits: DcsLimits): Promise<DcsResult> {
    return this.#dcs.write({ kind: "delete", key: LEADER, guard }, limits);
  }

  #hold(since: Moment, terms: LeaseTerms): void {
    // A release that came while the answer was on its way wins.
    if (this.#isReleased) return;
    this.#right.coverByStore(since, terms.ttlMs);
  }

  #lose(): "lost" {
    this.#right.forget();
    return "lost";
  }

  #inTurn<T>(call: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(call, call);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
