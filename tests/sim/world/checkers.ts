/**
 * What must never happen, looked at after every event of a world.
 *
 * - two leaders: two writable primaries that both believe in their lease
 * - overstay: an instance stays writable past its lease although its agent ran
 * - keyless promotion: a promotion begins without the leader key
 * - late promotion: an instance becomes writable that its lease does not cover
 * - lost commit: an acknowledged commit is missing on a new primary
 * - broken sync key: a name in it that its writable leader does not wait for
 * - promotion beside a leader: one begins while another primary has its lease
 * - broken consent: one begins although its agent agreed that another one leads
 * - writable standby: a standby cluster has a primary of its own
 * - two standby leaders: two of its members believe in their lease
 * - slot ahead: a logical slot begins after rows that its consumer never saw
 */
import type { Site, World } from "./world.ts";
import { contains, type Point } from "./wal.ts";

/** A promise was broken. */
export class Violation extends Error {
  override readonly name: string = "Violation";

  constructor(readonly promise: string, detail: string) {
    super(`${promise}: ${detail}`);
  }
}

/** Between the deadline and the moment when the last statement is through. */
const EPSILON_MS = 60;

/** An agent that slept, or was just started, needs a call and a stop before it is on time again. */
const AWAKE_GRACE_MS = 16_000;

/** An agent learns of the end of a pause with its next view, and then needs its time. */
const AFTER_PAUSE_MS = 60_000;

/** How long an instance may stay writable while its agent holds no lease at all: a grant, a bid and a look, all slow. */
const LEASELESS_MAX_MS = 40_000;

/** A member agreed to a leader without store. */
interface Consent {
  readonly by: string;
  readonly to: string;
  /** The promise is over, in the world's time. */
  readonly untilMs: number;
}

/** The checkers of one world. */
export class Checkers {
  readonly #world: World;
  readonly #acknowledged: Point[] = [];
  readonly #leaselessSince = new Map<string, number>();
  readonly #promotingSince = new Map<string, number>();
  /** Who led last, in its own belief. */
  #leading: string | null = null;
  readonly #protecting = new Set<string>();
  /** Members whose key was taken over, and who may not know it yet. */
  readonly #replaced = new Set<string>();
  /** The last one by member, with the number of the agent that gave it. */
  readonly #consents = new Map<string, Consent & { readonly agent: number }>();
  #violation: Violation | null = null;
  commits = 0;
  promotions = 0;
  slotReads = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** After each event. */
  check(): void {
    this.#look();
    if (this.#violation !== null) throw this.#violation;
  }

  #look(): void {
    if (this.#world.isStandbyCluster) return this.#checkStandbyCluster();
    let believing: string | null = null;
    for (const site of this.#world.sites) {
      if (!site.instance.isWritable) {
        this.#leaselessSince.delete(site.name);
        continue;
      }
      this.#checkStay(site);
      this.#checkSyncKey(site);
      if (!site.host.isBelieving || this.#isReplaced(site.name)) continue;
      if (believing !== null) {
        this.#fail("two leaders", `${believing} and ${site.name}`);
      }
      believing = site.name;
      if (this.#leading !== believing) this.checkContent(site);
    }
    this.#leading = believing ?? this.#leading;
  }

  /** `by` agrees that `to` goes on without the store. */
  consented(consent: Consent): void {
    const agent = this.#world.site(consent.by)?.host.generation ?? 0;
    this.#consents.set(consent.by, { ...consent, agent });
  }

  /** A consumer comes to the slot of a leader, whose content it has seen up to `seen`. */
  slotServed(
    name: string,
    slot: { readonly confirmed: number; readonly seen: number },
  ): void {
    this.slotReads++;
    const { confirmed, seen } = slot;
    if (confirmed <= seen) return;
    this.#fail(
      "slot ahead",
      `${name} serves from ${confirmed}, seen is ${seen}`,
    );
  }

  acknowledged(name: string, point: Point): void {
    this.commits++;
    this.#checkReplaced(name, point);
    if (this.#world.plan.settings.synchronousMode === "off") return;
    // A vote is no lock: replicas go on acknowledging for an old primary that
    // nobody stops. Quorum commit protects only what its lease covers.
    const isCovered = this.#world.site(name)?.host.isBelieving ?? false;
    const isQuorum = this.#world.plan.settings.synchronousMode === "quorum";
    if (isQuorum && !isCovered) return;
    // What a primary promised before it ever led in this mode is not protected.
    if (this.#world.driver.syncKey()?.leader === name) {
      this.#protecting.add(name);
    }
    if (!this.#protecting.has(name)) return;
    const index = this.#acknowledged.findIndex((p) =>
      p.branch === point.branch
    );
    if (index < 0) this.#acknowledged.push(point);
    else if ((this.#acknowledged[index]?.lsn ?? 0) < point.lsn) {
      this.#acknowledged[index] = point;
    }
    this.#world.note(name, `acknowledged up to ${point.lsn}`);
  }

  promotionBegan(name: string): void {
    const holder = this.#world.driver.leader();
    this.#promotingSince.set(name, this.#world.timeline.now);
    if (holder !== name) {
      this.#fail("keyless promotion", `${name}, key of ${holder}`);
    }
    if (this.#world.isStandbyCluster) {
      this.#fail("writable standby", `${name} is promoted`);
    }
    const other = this.#world.sites.find((site) =>
      site.name !== name && site.instance.isWritable &&
      site.host.isBelieving && !this.#isReplaced(site.name)
    );
    if (other !== undefined) {
      this.#fail("promotion beside a leader", `${name}, ${other.name}`);
    }
    this.#checkConsent(name);
  }

  promoted(name: string): void {
    this.promotions++;
    const site = this.#world.site(name);
    if (site === null) return;
    // Without the key this is an accident (its agent died in between), no succession.
    if (this.#world.driver.leader() === name) this.checkContent(site);
    const since = this.#promotingSince.get(name) ?? 0;
    const wasAwake = site.host.isAwake && site.host.awakeSince <= since;
    if (wasAwake && !site.host.isBelieving) {
      this.#fail("late promotion", `${name} has no lease any more`);
    }
  }

  /** Every acknowledged commit is there. */
  checkContent(site: Site): void {
    const here = site.instance.data?.point;
    for (const point of this.#acknowledged) {
      if (here !== undefined && contains(here, point)) continue;
      const { timeline } = point.branch;
      this.#fail(
        "lost commit",
        `${site.name} lacks ${point.lsn} of timeline ${timeline}`,
      );
    }
  }

  /**
   * With takeover a leader may be replaced while its lease still lasts, and cannot
   * know. It must not acknowledge anything any more that its successor lacks.
   */
  #isReplaced(name: string): boolean {
    const { settings } = this.#world.plan;
    // Asynchronously nobody is replaced before it is off.
    if (settings.takeover === null || settings.synchronousMode === "off") {
      return false;
    }
    const holder = this.#world.driver.leader();
    // It stays so when its successor gives the key back.
    if (holder !== null && holder !== name) this.#replaced.add(name);
    if (holder === name) this.#replaced.delete(name);
    return this.#replaced.has(name);
  }

  #checkReplaced(name: string, point: Point): void {
    const isCovered = this.#world.site(name)?.host.isBelieving ?? false;
    if (!isCovered || !this.#isReplaced(name)) return;
    const holder = this.#world.driver.leader();
    if (holder === null || holder === name) return;
    const here = this.#world.instance(holder)?.data?.point;
    if (here !== undefined && contains(here, point)) return;
    this.#fail(
      "acknowledged after a takeover",
      `${name} up to ${point.lsn}, which ${holder} lacks`,
    );
  }

  /** An agent that was started since may know by other means that nobody leads (R308). */
  #checkConsent(name: string): void {
    const consent = this.#consents.get(name);
    const agent = this.#world.site(name)?.host.generation;
    const leftMs = (consent?.untilMs ?? 0) - this.#world.timeline.now;
    if (consent === undefined || consent.agent !== agent) return;
    if (leftMs <= 0) return;
    this.#fail(
      "broken consent",
      `${name} agreed to ${consent.to} for ${Math.round(leftMs)} ms more`,
    );
  }

  /** Kept: whoever is called by an agent cannot throw, the agent would go on with its own failure. */
  #fail(promise: string, detail: string): void {
    this.#violation ??= new Violation(promise, detail);
  }

  #checkStandbyCluster(): void {
    const writable = this.#world.sites.find((site) => site.instance.isWritable);
    if (writable !== undefined) {
      this.#fail("writable standby", `${writable.name} is a primary`);
    }
    const leaders = this.#world.sites.filter(({ host }) => host.isBelieving)
      .map(({ name }) => name);
    if (leaders.length > 1) {
      this.#fail("two standby leaders", leaders.join(" and "));
    }
  }

  #checkStay(site: Site): void {
    const { now } = this.#world.timeline;
    const { host, name } = site;
    // In pause a primary stays without a lease; after it the agents must learn of the end.
    const sincePauseMs = now - this.#world.resumedAt;
    if (this.#world.isPaused || sincePauseMs < AFTER_PAUSE_MS) {
      this.#leaselessSince.delete(name);
      return;
    }
    const { deadline } = host;
    if (deadline !== null) this.#leaselessSince.delete(name);
    else if (!this.#leaselessSince.has(name)) {
      this.#leaselessSince.set(name, now);
    }
    if (!host.isAwake || now < host.awakeSince + AWAKE_GRACE_MS) return;
    const since = this.#leaselessSince.get(name) ?? now;
    const isOver = deadline === null
      ? now > Math.max(since, host.awakeSince) + LEASELESS_MAX_MS
      : now > deadline + EPSILON_MS;
    if (isOver) {
      const passedMs = Math.round(now - (deadline ?? since));
      this.#fail("overstay", `${name} is writable ${passedMs} ms on`);
    }
  }

  #checkSyncKey(site: Site): void {
    if (this.#world.plan.settings.synchronousMode !== "on") return;
    const sync = this.#world.driver.syncKey();
    if (sync?.leader !== site.name) return;
    const { names, namesText } = site.instance.replication;
    for (const name of sync.standbys) {
      if (names.includes(name)) continue;
      this.#fail(
        "broken sync key",
        `${name} is listed, ${site.name} waits for '${namesText}'`,
      );
    }
  }
}
