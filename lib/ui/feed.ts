/**
 * The live content of the cluster page: made once per change and sent to all who
 * watch, as server-sent events. While nobody watches nobody is asked and nothing
 * runs: the lines of the lag go on with what whoever reads the store tells.
 *
 * Source: HTML standard, "Server-sent events".
 */
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { Moment } from "../core/base/units.ts";
import { abortOf, type Clock } from "../ports/clock.ts";
import type { MemberLook, Onlooker, ProxyLook } from "../ports/onlooker.ts";
import {
  LAG_EVERY_MS,
  LagLines,
  type LagSample,
  lagSample,
} from "./lag_lines.ts";
import {
  clusterSections,
  type SectionFacts,
  type Sections,
  sectionsChange,
} from "./sections.ts";

/** Pages at a time. */
const WATCHERS_MAX = 256;

/** How often it is looked whether the view has changed, while somebody watches. */
const LOOK_MS = 250;
/** Members are asked that often, and after a change, but not more often than the next. */
const ASK_EVERY_MS = 5_000;
const ASK_GAP_MS = 1_000;
/** Each further member makes that longer by so much. */
const ASK_MS_PER_MEMBER = 25;
/** After the content was made, it is not made again for so many times as long. */
const IDLE_PER_MAKING = 50;
/** So often something is sent, whatever happens: who is gone is noticed. */
const BEAT_MS = 15_000;

/** Where the content comes from now. */
export type FeedSource = Omit<SectionFacts, "looks" | "proxies">;

/** What it is made of. */
export interface FeedParts {
  readonly clock: Pick<Clock, "now" | "sleep">;
  readonly onlooker: Onlooker;
  /** Asks the stand-alone proxies that are known; absent: none is. Must not reject. */
  readonly proxies?: () => Promise<readonly ProxyLook[]>;
  /** Cheap: it is called all the time. */
  readonly source: () => FeedSource;
  /** Must not throw. */
  readonly onError: (error: unknown) => void;
}

/** Who watches. */
export interface Watcher {
  /** Takes a piece of the stream; false: it is too slow and is let go. Must not throw. */
  send(bytes: Uint8Array<ArrayBuffer>): boolean;
  /** Nothing comes any more. Must not throw. */
  end(): void;
}

/** Ends a watcher's part. */
export type Unwatch = () => void;

/** A content, and what it was made of. */
interface Shown {
  readonly source: FeedSource | null;
  readonly looks: Looks;
  readonly sections: Sections;
}

/** What was told when it was asked last. */
interface Looks {
  readonly members: readonly MemberLook[];
  readonly proxies: readonly ProxyLook[];
}

const NO_LOOKS: Looks = { members: [], proxies: [] };

const NOTHING: Shown = {
  source: null,
  looks: NO_LOOKS,
  sections: new Map(),
};

/** Makes the content and sends it to all who watch. */
export class ClusterFeed {
  readonly #parts: FeedParts;
  readonly #watchers = new Set<Watcher>();
  readonly #lag = new LagLines();
  #looks = NO_LOOKS;
  #shown = NOTHING;
  #waking = new AbortController();
  #isOver = false;
  #times = { asked: -Infinity, sampled: -Infinity, sent: 0, idleUntil: 0 };

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  /** Null: there are too many already, or it is over. */
  watch(watcher: Watcher): Unwatch | null {
    if (this.#isOver || this.#watchers.size >= WATCHERS_MAX) return null;
    if (this.#watchers.size === 0) this.#refresh();
    watcher.send(event("all", allText(this.#shown.sections, this.#lagNow())));
    this.#watchers.add(watcher);
    this.#waking.abort();
    return () => void this.#watchers.delete(watcher);
  }

  /**
   * The store has shown the scope: of that the lines of the lag are made while
   * nobody watches. Must be cheap, as it is called in each cycle.
   */
  seen(): void {
    if (this.#watchers.size === 0) this.#sample(this.#parts.clock.now());
  }

  /** Goes on until `signal` aborts; then every watcher is ended. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, onError } = this.#parts;
    const onAbort = (): void => this.#waking.abort();
    signal.addEventListener("abort", onAbort);
    while (!signal.aborted) {
      try {
        this.#step();
      } catch (error) {
        onError(error);
      }
      this.#waking = new AbortController();
      if (signal.aborted) break;
      if (this.#watchers.size > 0) {
        await clock.sleep(LOOK_MS, this.#waking.signal);
      } else await abortOf(this.#waking.signal);
    }
    signal.removeEventListener("abort", onAbort);
    this.#isOver = true;
    for (const watcher of this.#watchers) watcher.end();
    this.#watchers.clear();
  }

  #step(): void {
    if (this.#watchers.size === 0) return;
    const now = this.#parts.clock.now();
    const sample = this.#sample(now);
    const { view } = this.#parts.source();
    const before = this.#shown.source?.view ?? null;
    const askedMs = now - this.#times.asked;
    const everyMs = Math.max(
      ASK_EVERY_MS,
      (view?.members.length ?? 0) * ASK_MS_PER_MEMBER,
    );
    const isLeadNew = view?.leader?.name !== before?.leader?.name;
    if (askedMs >= everyMs || (isLeadNew && askedMs >= ASK_GAP_MS)) {
      this.#ask(view, now);
    }
    this.#tell(sample, now);
  }

  /** Asks in the background; what comes of it is shown in the next step. */
  #ask(view: ClusterView | null, now: number): void {
    this.#times.asked = now;
    const { onlooker, proxies, onError } = this.#parts;
    Promise.all([
      onlooker.look(view?.members ?? []),
      proxies?.() ?? [],
    ]).then(([members, proxies]) => {
      this.#looks = { members, proxies };
    }).catch(onError);
  }

  #sample(now: Moment): LagSample | null {
    if (now - this.#times.sampled < LAG_EVERY_MS) return null;
    this.#times.sampled = now;
    const { view } = this.#parts.source();
    const sample = view === null ? {} : lagSample(view);
    this.#lag.note(sample, now);
    return sample;
  }

  #lagNow(): string {
    return JSON.stringify(this.#lag.lines(this.#parts.clock.now()));
  }

  /** Sends what is new, and something now and then. */
  #tell(sample: LagSample | null, now: number): void {
    const before = this.#shown.sections;
    this.#refresh();
    const change = sectionsChange(before, this.#shown.sections);
    const isQuiet = change === null && sample === null;
    if (isQuiet && now - this.#times.sent < BEAT_MS) return;
    this.#times.sent = now;
    const bytes = isQuiet ? BEAT : event(
      "some",
      `{"set":${objectText(change?.set ?? new Map())},"gone":${
        JSON.stringify(change?.gone ?? [])
      },"lag":${JSON.stringify(sample)}}`,
    );
    for (const watcher of [...this.#watchers]) {
      if (watcher.send(bytes)) continue;
      this.#watchers.delete(watcher);
      watcher.end();
    }
  }

  /** Made anew only of something new, and never for more than a share of the time. */
  #refresh(): void {
    const { clock, source: sourceOf } = this.#parts;
    const begun = clock.now();
    if (begun < this.#times.idleUntil) return;
    const [source, looks] = [sourceOf(), this.#looks];
    if (looks === this.#shown.looks && isSame(source, this.#shown.source)) {
      return;
    }
    const sections = clusterSections({
      ...{ ...source, looks: looks.members, proxies: looks.proxies },
    });
    this.#shown = { source, looks, sections };
    const ended = clock.now();
    this.#times.idleUntil = ended + IDLE_PER_MAKING * (ended - begun);
  }
}

function isSame(one: FeedSource, other: FeedSource | null): boolean {
  return other !== null && one.view === other.view &&
    one.storeAwaySinceMs === other.storeAwaySinceMs &&
    one.hasActions === other.hasActions &&
    JSON.stringify(one.proxy) === JSON.stringify(other.proxy);
}

const ENCODER = new TextEncoder();
const BEAT = ENCODER.encode(": still here\n\n");

/** JSON has no line breaks of its own. */
function event(name: string, json: string): Uint8Array<ArrayBuffer> {
  return ENCODER.encode(`event: ${name}\ndata: ${json}\n\n`);
}

function allText(sections: Sections, lag: string): string {
  return `{"set":${objectText(sections)},"lag":${lag}}`;
}

function objectText(sections: Sections): string {
  const items = [...sections].map(([name, text]) =>
    `${JSON.stringify(name)}:${text}`
  );
  return `{${items.join(",")}}`;
}
