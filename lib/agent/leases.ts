/**
 * The one lease of this agent: granted, renewed and bound to the leader key here
 * and nowhere else. Keeps the lease discipline of docs/architecture.md: the
 * deadline counts from before the request, nobody renews in the background, a
 * released lease cannot come back by itself.
 */
import type { Moment, Revision, SessionId } from "../core/base/units.ts";
import type { LeaderKey } from "../core/model/cluster_view.ts";
import type { MemberName } from "../core/model/member.ts";
import type { FencedTake, Take } from "../core/model/takeover_decision.ts";
import type { Clock } from "../ports/clock.ts";
import type {
  Dcs,
  DcsCondition,
  DcsEntry,
  DcsLimits,
  DcsResult,
  DcsSession,
} from "../ports/dcs.ts";
import type { LeadRight } from "./lead_right.ts";
import { fencedTakeWrite, takeWrite } from "./take_write.ts";

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
  /** The session that the own keys hang on, and the ttl that was asked for. */
  #lease: { readonly session: DcsSession; readonly askedMs: number } | null =
    null;
  #isReleased = false;
  /** The session that this keeper has bound the leader key to. */
  #boundTo: SessionId | null = null;
  /** Of the leader key as this keeper knows it; tells two lives of one member apart. */
  #keyRevision: Revision | null = null;
  #answeredAt: Moment | null = null;
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

  /** Before the last renewal was sent that the store answered; null: none was. */
  get answeredAt(): Moment | null {
    return this.#answeredAt;
  }

  /** The session that the member key should hang on; null before the first one. */
  get session(): SessionId | null {
    return this.#lease?.session.id ?? null;
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
      const { session, since } = await this.#freshLease(terms);
      // Until the bid is known to be won and to fit, the key goes back if it is found.
      this.#isReleased = true;
      const vacant = { kind: "absent", key: LEADER } as const;
      const result = await this.#bind(session.id, vacant, terms);
      if (result.kind === "condition_failed") return "lost";
      this.#keyRevision = result.revision;
      if (!await isStillFit()) {
        const { revision } = result;
        await this.#delete(
          { kind: "revision_is", key: LEADER, revision },
          terms,
        );
        return "lost";
      }
      this.#isReleased = false;
      this.#hold(since, session);
      return "won";
    });
  }

  /**
   * Takes the key of a lost leader, which its lease still covers, in one write
   * with everything that the takeover rests on. An answer that got lost may have
   * been a success: the next view of the store says so, and the key is renewed.
   *
   * @throws DcsUnreachableError, DcsRefusedError.
   */
  take(take: Take | FencedTake, terms: LeaseTerms): Promise<"won" | "lost"> {
    return this.#inTurn(async () => {
      const { session, since } = await this.#freshLease(terms);
      // An own release of the past does not speak of the key that is won here.
      this.#isReleased = false;
      const write = "fencing" in take
        ? fencedTakeWrite(take, session.id)
        : takeWrite(take, session.id);
      const result = await this.#dcs.write(write, terms);
      if (result.kind === "condition_failed") return "lost";
      this.#boundTo = session.id;
      this.#keyRevision = result.revision;
      this.#hold(since, session);
      return "won";
    });
  }

  /**
   * Renews the lease of `key`, as it was seen last, and asks the store whether the
   * key is still there; after a restart of the agent it is bound to the new lease.
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
      // Asked beside the renewal: an unexpired lease alone does not prove that
      // the key still hangs on it, since voters may take over a lost leader's.
      const isBound = key.isHeld && held !== null &&
        this.#boundTo === held.session.id && held.askedMs === terms.ttlMs;
      const [{ session, since }, stored] = await Promise.all([
        this.#freshLease(terms),
        isBound ? this.#storedKey(terms) : null,
      ]);
      // Our lease is gone, and with it the key: that calls for a race, not for a rebind.
      const hasExpired = held !== null && held.session.id !== session.id &&
        held.askedMs === terms.ttlMs;
      if (hasExpired) return this.#lose();
      if (isBound && stored?.value !== this.#self) return this.#lose();
      if (stored === null || !stored.isHeld) {
        const own = {
          kind: "value_is",
          key: LEADER,
          value: this.#self,
        } as const;
        const result = await this.#bind(session.id, own, terms);
        if (result.kind === "condition_failed") return this.#lose();
        this.#keyRevision = result.revision;
      } else this.#keyRevision = stored.revision;
      this.#hold(since, session);
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
      const revision = this.#keyRevision;
      const result = await this.#delete(
        revision === null
          ? { kind: "value_is", key: LEADER, value: this.#self }
          : { kind: "revision_is", key: LEADER, revision },
        limits,
      );
      return result.kind === "done";
    });
  }

  /** One renewal for the member key of an agent that does not lead. */
  keepMember(terms: LeaseTerms): Promise<SessionId> {
    return this.#inTurn(async () => (await this.#freshLease(terms)).session.id);
  }

  /** The own session, renewed or opened now; `since` is the moment before the request. */
  async #freshLease(
    terms: LeaseTerms,
  ): Promise<{ readonly session: DcsSession; readonly since: Moment }> {
    const held = this.#lease;
    if (held !== null && held.askedMs === terms.ttlMs) {
      const { session } = held;
      const since = this.#clock.now();
      const answer = await this.#dcs.renewSession(session.id, terms);
      if (answer === "alive") return { session, since };
    }
    const since = this.#clock.now();
    const opened = await this.#dcs.openSession(terms.ttlMs, terms);
    // A store may grant more than was asked for, and nobody counts on that.
    const ttlMs = Math.min(opened.ttlMs, terms.ttlMs);
    const session = { id: opened.id, ttlMs };
    this.#lease = { session, askedMs: terms.ttlMs };
    return { session, since };
  }

  /** The leader key as the store itself has it now; null: nobody leads. */
  async #storedKey(limits: DcsLimits): Promise<DcsEntry | null> {
    const { entries } = await this.#dcs.readFresh(limits);
    return entries.find(({ key }) => key === LEADER) ?? null;
  }

  /** A release got lost on its way, and the lease of the member key keeps the leader key alive. */
  async #releaseAgain(leader: LeaderKey, limits: DcsLimits): Promise<"lost"> {
    this.#right.forget();
    const { revision } = leader;
    await this.#delete({ kind: "revision_is", key: LEADER, revision }, limits);
    return "lost";
  }

  async #bind(
    session: SessionId,
    condition: DcsCondition,
    limits: DcsLimits,
  ): Promise<DcsResult> {
    const value = this.#self;
    const result = await this.#dcs.write({
      when: [condition],
      edits: [{ kind: "put", key: LEADER, value, session }],
    }, limits);
    if (result.kind === "done") this.#boundTo = session;
    return result;
  }

  #delete(condition: DcsCondition, limits: DcsLimits): Promise<DcsResult> {
    const edits = [{ kind: "delete", key: LEADER }] as const;
    return this.#dcs.write({ when: [condition], edits }, limits);
  }

  #hold(since: Moment, { ttlMs }: DcsSession): void {
    // A release that came while the answer was on its way wins.
    if (this.#isReleased) return;
    this.#answeredAt = since;
    this.#right.coverByStore(since, ttlMs);
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
