/**
 * Tells proxies without access to the store where clients may go: the keys that
 * routes are made of, read and watched as a proxy with access would, once for all
 * of them. While nobody listens nothing is read, watched or remembered.
 */
import type { Moment } from "../core/base/units.ts";
import {
  encodeFed,
  fedEntries,
  type FedEntry,
  type FedLoss,
  type FedMessage,
} from "../core/codec/route_feed_codec.ts";
import { abortOf, type Clock } from "../ports/clock.ts";
import type { Dcs, DcsChange } from "../ports/dcs.ts";
import type { RouteStream, RouteWatcher } from "../ports/route_stream.ts";

/** Proxies at a time. */
const WATCHERS_MAX = 256;

/** The store is asked that often also without a change. */
const READ_MS = 5_000;
const TIMEOUT_MS = 5_000;
/** So often something is sent, whatever happens: a silent agent is noticed. */
const BEAT_MS = 2_000;
/** Nobody reads for so many times as long as the last read took, and for that at least: changes come together. */
const REST_PER_READ = 4;
const REST_MS_MIN = 20;
const REST_MS_MAX = 500;

/** What it works with. */
interface RouteFeedParts {
  readonly clock: Pick<Clock, "now" | "sleep">;
  readonly dcs: Pick<Dcs, "proof" | "read" | "watch">;
  readonly scope: string;
}

type Known = ReadonlyMap<string, FedEntry>;

/** Makes the stream. */
export class RouteFeed implements RouteStream {
  readonly #parts: RouteFeedParts;
  readonly #watchers = new Set<RouteWatcher>();
  /** What they know; null: they wait for the first read. */
  #known: Known | null = null;
  #askedAt: Moment | null = null;
  #waking = new AbortController();
  /** How often the leader key has changed under the watch's eyes. */
  #leaderChanges = 0;
  #isOver = false;

  constructor(parts: RouteFeedParts) {
    this.#parts = parts;
  }

  watch(watcher: RouteWatcher): (() => void) | null {
    if (this.#isOver || this.#watchers.size >= WATCHERS_MAX) return null;
    if (this.#known !== null) watcher.send(this.#all(this.#known));
    this.#watchers.add(watcher);
    this.#waking.abort();
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.#waking.abort();
    };
  }

  /** Goes on until `signal` aborts; then everybody is let go. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => this.#waking.abort();
    signal.addEventListener("abort", onAbort);
    while (!signal.aborted) {
      this.#waking = new AbortController();
      if (this.#watchers.size > 0) await this.#serve(signal);
      else await abortOf(this.#waking.signal);
    }
    signal.removeEventListener("abort", onAbort);
    this.#isOver = true;
    for (const watcher of this.#watchers) watcher.end();
    this.#watchers.clear();
  }

  /** As long as somebody listens. */
  async #serve(signal: AbortSignal): Promise<void> {
    const { clock, dcs } = this.#parts;
    const watching = new AbortController();
    dcs.watch({
      onChange: (change) => this.#take(change),
      onReset: () => this.#waking.abort(),
    }, watching.signal);
    let readAt = -Infinity;
    while (!signal.aborted && this.#watchers.size > 0) {
      const isWoken = this.#waking.signal.aborted;
      this.#waking = new AbortController();
      const begun = clock.now();
      if (isWoken || begun - readAt >= READ_MS) {
        readAt = begun;
        await this.#read(begun);
        const restMs = REST_PER_READ * (clock.now() - begun);
        const bounded = Math.min(REST_MS_MAX, Math.max(REST_MS_MIN, restMs));
        if (!signal.aborted) await clock.sleep(bounded, signal);
      } else this.#tell(encodeFed(this.#message("beat")));
      if (signal.aborted) break;
      await clock.sleep(BEAT_MS, this.#waking.signal);
    }
    watching.abort();
    this.#known = null;
    this.#askedAt = null;
  }

  /** A store that does not answer leaves what is known, and its age tells. */
  async #read(begun: Moment): Promise<void> {
    const { dcs } = this.#parts;
    try {
      const changes = this.#leaderChanges;
      const { entries } = await dcs.read({ timeoutMs: TIMEOUT_MS });
      // A read that was under way when the leader changed would undo it.
      if (changes !== this.#leaderChanges) return this.#waking.abort();
      this.#askedAt = dcs.proof?.()?.askedAt ?? begun;
      this.#show(new Map(fedEntries(entries).map((one) => [one.key, one])));
    } catch {
      this.#tell(encodeFed(this.#message("beat")));
    }
  }

  /** The leader key needs no second look; everything else is read. */
  #take({ key, revision, value }: DcsChange): void {
    const known = this.#known;
    this.#waking.abort();
    if (key !== "leader" || known === null) return;
    this.#leaderChanges++;
    const next = new Map(known);
    if (value === null) next.delete(key);
    else next.set(key, { key, value, revision });
    this.#known = next;
    const [set, gone] = value === null
      ? [[], [{ key, revision }]]
      : [[{ key, value, revision }], []];
    this.#tell(encodeFed({ ...this.#message("some"), set, gone }));
  }

  #show(next: Known): void {
    const known = this.#known;
    this.#known = next;
    if (known === null) {
      const bytes = this.#all(next);
      for (const watcher of [...this.#watchers]) this.#send(watcher, bytes);
      return;
    }
    const set = [...next.values()].filter((one) => {
      const before = known.get(one.key);
      return before?.value !== one.value || before.revision !== one.revision;
    });
    const gone: FedLoss[] = [...known.values()]
      .filter(({ key }) => !next.has(key))
      .map(({ key, revision }) => ({ key, revision }));
    const kind = set.length + gone.length === 0 ? "beat" : "some";
    this.#tell(encodeFed({ ...this.#message(kind), set, gone }));
  }

  #all(known: Known): Uint8Array<ArrayBuffer> {
    const set = [...known.values()];
    return ENCODER.encode(encodeFed({ ...this.#message("all"), set }));
  }

  #message(kind: FedMessage["kind"]): FedMessage {
    const { clock, scope } = this.#parts;
    const [sentAt, askedAt] = [clock.now(), this.#askedAt];
    return { kind, scope, sentAt, askedAt, set: [], gone: [] };
  }

  #tell(text: string): void {
    if (this.#known === null) return;
    const bytes = ENCODER.encode(text);
    for (const watcher of [...this.#watchers]) this.#send(watcher, bytes);
  }

  #send(watcher: RouteWatcher, bytes: Uint8Array<ArrayBuffer>): void {
    if (watcher.send(bytes)) return;
    this.#watchers.delete(watcher);
    watcher.end();
  }
}

const ENCODER = new TextEncoder();
