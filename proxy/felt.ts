/**
 * What the clients of the read-write port feel when the leader changes: which
 * sessions end, who waits, for how long, who waits in vain. From the moment at
 * which the way to the old leader is closed until nobody waits for the new one.
 *
 * A server that dies ends its sessions before anybody closes the way to it. The
 * counters keep their highest values until they are looked at, which happens
 * whenever the routing table is made. A timer runs only while there is a change,
 * or a client: then somebody else may look at each second, too.
 */
import type { Moment } from "../lib/core/base/units.ts";
import { type Backend, backendKey } from "../lib/core/model/routes.ts";
import type { FeltByClients } from "../lib/core/model/failover.ts";
import { abortOf, type Clock } from "../lib/ports/clock.ts";
import type { Ledger } from "./ledger.ts";
import { clientsOf } from "./stats_view.ts";

/** Looks are not closer; during a change, or with clients, they are that far apart. */
const LOOK_MS = 1_000;
/** So long a dead server may go unnoticed. */
const UNNOTICED_MS_MAX = 10_000;
/** Who waits longer than that for a leader that is there waits for something else. */
const SETTLE_MS_MAX = 10_000;

/** What was felt of one change. */
export interface Felt extends Omit<FeltByClients, "proxy"> {
  /** Revision of the leader key before and after; null: nobody led, or it is not known. */
  readonly termBefore: string | null;
  readonly term: string | null;
}

/** What it looks at, and who is told. */
interface FeltParts {
  readonly clock: Pick<Clock, "now" | "wallTimeMs" | "sleep">;
  readonly ledger: Ledger;
  /** Must not throw. */
  readonly onFelt: (felt: Felt) => void;
  /** Each second while there are clients, with the way of now; absent: nobody. Must not throw. */
  readonly onLook?: (way: WayToLeader) => void;
}

/** Where new writers go, and in whose term; null: nowhere. */
export interface WayToLeader {
  readonly primary: Backend | null;
  readonly term: string | null;
}

interface Look {
  readonly at: Moment;
  /** The most at a time on the leader's backend since the look before. */
  readonly sessionsMost: number;
  readonly waited: number;
  readonly failed: number;
  /** Since the look before. */
  readonly longestWaitMs: number;
}

interface Gap {
  readonly closedAtMs: number;
  readonly termBefore: string | null;
  readonly before: Pick<Look, "sessionsMost" | "waited" | "failed">;
  readonly backendBefore: string;
  readonly longestWaitMs: number;
  /** Null: there is no way to a leader. */
  readonly routedAtMs: number | null;
}

const NO_WAY: WayToLeader = { primary: null, term: null };

/** Watches over one change after the other. */
export class FeltWatch {
  readonly #parts: FeltParts;
  #looks: readonly Look[] = [];
  #way = NO_WAY;
  #gap: Gap | null = null;
  #waking = new AbortController();
  #isResting = false;

  constructor(parts: FeltParts) {
    this.#parts = parts;
  }

  /** Looks on while there is something to see, until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => this.#waking.abort();
    signal.addEventListener("abort", onAbort);
    while (!signal.aborted) {
      this.#waking = new AbortController();
      if (!this.#isBusy) {
        this.#isResting = true;
        await abortOf(this.#waking.signal);
        this.#isResting = false;
        continue;
      }
      await this.#parts.clock.sleep(LOOK_MS, this.#waking.signal);
      if (signal.aborted) break;
      this.look();
      this.#parts.onLook?.(this.#way);
    }
    signal.removeEventListener("abort", onAbort);
  }

  /** The routing table was made, and may be another; call it before sessions are cut. */
  turn(way: WayToLeader): void {
    const before = this.#way;
    this.#way = way;
    if (this.#gap === null) {
      if (before.primary === null || isSame(before, way)) {
        return this.#lookIfDue();
      }
      this.#gap = this.#open(before.primary, before.term);
      this.#wake();
    }
    const isOpen = way.primary !== null;
    const routedAtMs = isOpen ? this.#parts.clock.wallTimeMs() : null;
    if (isOpen && this.#gap.routedAtMs !== null) return;
    this.#gap = { ...this.#gap, routedAtMs };
  }

  /** One look; ends a change that is over. */
  look(): void {
    const look = this.#take(this.#way.primary);
    const gap = this.#gap;
    if (gap === null) {
      this.#looks = withLook(this.#looks, look);
      return;
    }
    const longestWaitMs = Math.max(gap.longestWaitMs, look.longestWaitMs);
    this.#gap = { ...gap, longestWaitMs };
    if (gap.routedAtMs === null) return;
    const { clock, ledger } = this.#parts;
    const settledMs = clock.wallTimeMs() - gap.routedAtMs;
    const isSettled = clientsOf(ledger, ["primary"]).held === 0 &&
      settledMs >= LOOK_MS;
    if (!isSettled && settledMs < SETTLE_MS_MAX) return;
    this.#end(this.#gap, gap.routedAtMs, look);
  }

  /** There is a change, or there are clients, which may get no answer. */
  get #isBusy(): boolean {
    return this.#gap !== null ||
      this.#parts.ledger.sums.inside("primary") > 0;
  }

  #wake(): void {
    if (this.#isResting) this.#waking.abort();
  }

  #lookIfDue(): void {
    const last = this.#looks.at(-1);
    const now = this.#parts.clock.now();
    if (last === undefined || now - last.at >= LOOK_MS) this.look();
    if (this.#isBusy) this.#wake();
  }

  #end(gap: Gap, routedAtMs: number, now: Look): void {
    const { closedAtMs, termBefore, before, longestWaitMs } = gap;
    const left = this.#sessionsOn(gap.backendBefore);
    this.#gap = null;
    this.#looks = [now];
    this.#parts.onFelt({
      ...{ closedAtMs, routedAtMs, termBefore, term: this.#way.term },
      ended: Math.max(0, before.sessionsMost - left),
      waited: now.waited - before.waited,
      longestWaitMs: Math.round(longestWaitMs),
      failed: now.failed - before.failed,
    });
  }

  #open(backend: Backend, termBefore: string | null): Gap {
    const [first, ...rest] = withLook(this.#looks, this.#take(backend));
    const later = rest.length > 0 ? rest : [first];
    const most = (of: (look: Look) => number) => Math.max(...later.map(of));
    return {
      closedAtMs: this.#parts.clock.wallTimeMs(),
      termBefore,
      before: {
        sessionsMost: most((look) => look.sessionsMost),
        waited: first.waited,
        failed: first.failed,
      },
      backendBefore: backendKey(backend),
      longestWaitMs: most((look) => look.longestWaitMs),
      routedAtMs: null,
    };
  }

  #take(backend: Backend | null): Look {
    const { clock, ledger } = this.#parts;
    const slot = backend === null
      ? null
      : ledger.book.slotOf("primary", backend);
    const { waited, holdTimeouts, gone } = ledger.sums.totals("primary");
    return {
      at: clock.now(),
      sessionsMost: slot === null ? 0 : ledger.peaks.takePeakSessions(slot),
      waited,
      failed: holdTimeouts + gone,
      longestWaitMs: ledger.peaks.takeLongestWaitMs("primary"),
    };
  }

  #sessionsOn(key: string): number {
    return this.#parts.ledger.sums.backends()
      .filter(({ route, backend }) =>
        route === "primary" && backendKey(backend) === key
      )
      .reduce((sum, { sessions }) => sum + sessions, 0);
  }
}

/** Those of late, after one that tells how it was before. */
function withLook(
  looks: readonly Look[],
  now: Look,
): readonly [Look, ...Look[]] {
  const late = looks.filter(({ at }) => now.at - at < UNNOTICED_MS_MAX);
  const before = looks.findLast(({ at }) => now.at - at >= UNNOTICED_MS_MAX);
  const [first, ...rest] = before === undefined ? late : [before, ...late];
  return first === undefined ? [now] : [first, ...rest, now];
}

function isSame(before: WayToLeader, way: WayToLeader): boolean {
  return before.primary !== null && way.primary !== null &&
    backendKey(before.primary) === backendKey(way.primary);
}
