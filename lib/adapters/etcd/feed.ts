/**
 * One watch on the scope, the cache it keeps, and the listeners it feeds.
 *
 * How stale can a read from the cache be? A broken connection ends the stream. A
 * silent one (cable pulled, etcd stopped) is found by gRPC's pings within about
 * 7 s. But the stream itself may hang while the connection lives, or the etcd
 * node may have lost its quorum and know nothing new. So the cache counts as
 * current only for PROOF_VALID_MS after a proof: an event, or any answer of etcd
 * whose store revision the cache has reached. The lease renewal of each cycle is
 * such an answer, hence a quiet cycle costs that one request. Without any proof
 * for PROOF_DUE_MS (nobody renews, or other scopes move the revision) the scope
 * is read once and compared. Both are below the smallest ttl of 20 s. When another
 * process of this host has seen more than this watch has brought, or something
 * else suggests that the watch is late, it is read and compared at once: a watch
 * at the etcd of a lost or frozen host brings nothing for seconds.
 */
import type { IWatchResponse } from "etcd3";
import { type Moment, revision } from "../../core/base/units.ts";
import { DcsListeners } from "../../dcs/listeners.ts";
import type { Clock } from "../../ports/clock.ts";
import type {
  DcsHint,
  DcsListener,
  DcsProof,
  DcsSnapshot,
} from "../../ports/dcs.ts";
import { KeyCache } from "./cache.ts";
import type { Answered, EtcdClient } from "./client.ts";
import type { CacheChange, Counter, ScopeKeys, StoredScope } from "./keys.ts";
import { readScope } from "./requests.ts";
import {
  openWatch,
  type WatchReceiver,
  type WatchStream,
} from "./watch_stream.ts";

const PROOF_DUE_MS = 12_000;
const PROOF_VALID_MS = 16_000;
/** What others have seen has that long to come by the watch. */
const LATE_MS = 300;
const PROOF_LIMITS = { timeoutMs: 3000 };
const START_LIMITS = { timeoutMs: 5000 };
const RESTART_PAUSE_MS = 200;

interface Session {
  readonly cache: KeyCache;
  readonly ending: AbortController;
  provenAt: Moment;
  /** The highest counter that another process has named. */
  named: Counter;
  /** Ends the rest before the next proof. */
  hurry: AbortController;
}

/** Where the feed reads and watches. */
export interface FeedSource {
  /** All keys of the scope, linearizable. */
  read(timeoutMs: number): Promise<Answered<StoredScope>>;
  /** Asks for a watch, at the endpoint that answered last. */
  openWatch(from: Counter, receiver: WatchReceiver): Promise<FeedStream>;
}

/** A watch, and the way to give its endpoint up. */
export interface FeedStream {
  readonly stream: WatchStream;
  leaveEndpoint(): void;
  /** Whether its endpoint was given up since. The stream itself may not end for seconds. */
  isLeft(): boolean;
}

/** What the feed works with. */
export interface FeedParts {
  readonly source: FeedSource;
  readonly keys: ScopeKeys;
  readonly clock: Clock;
}

/** {@link FeedSource} on an etcd client. */
export function etcdFeedSource(
  client: EtcdClient,
  parts: Omit<FeedParts, "source">,
): FeedSource {
  const { keys, clock } = parts;
  return {
    read: (timeoutMs) => client.call(readScope(keys), { timeoutMs }),
    openWatch: async (from, receiver) => {
      const { etcd, endpoint } = client.current();
      const { departures } = client;
      const leaveEndpoint = (): void => client.leave(endpoint);
      const stream = await openWatch(etcd, { keys, from, clock }, {
        onEnd: () => receiver.onEnd(),
        onResponse: (response) => {
          if (client.isCurrent(response.header)) {
            return receiver.onResponse(response);
          }
          leaveEndpoint();
          receiver.onEnd();
        },
      });
      const isLeft = (): boolean => client.departures !== departures;
      return { stream, leaveEndpoint, isLeft };
    },
  };
}

/** Watches one scope, keeps its cache and tells its listeners. */
export class ScopeFeed {
  readonly #parts: FeedParts;
  readonly #listeners = new DcsListeners();
  readonly #closing = new AbortController();
  #running: Promise<void> | null = null;
  /** Null while there is no watch that stands. */
  #session: Session | null = null;
  /** Own writes since the start of the session that is being built. */
  #ownChanges: CacheChange[] = [];
  /** What a caller has seen last, past the cache; null: nothing that the cache lacks. */
  #shown: StoredScope | null = null;
  /** Sessions that began before the last {@link drop} may not be used. */
  #drops = 0;

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  /** Adds a listener until `signal` aborts. */
  add(listener: DcsListener, signal: AbortSignal): void {
    this.#listeners.add(listener, signal);
    if (!signal.aborted) this.start();
  }

  /** Starts the watch, if it does not run. */
  start(): void {
    if (!this.#closing.signal.aborted) this.#running ??= this.#run();
  }

  /** The cache's content if it is current, else `null`: ask the store. `held` is the own lease. */
  current(held: string | null): DcsSnapshot | null {
    const session = this.#session;
    if (session === null) return null;
    const ageMs = this.#parts.clock.now() - session.provenAt;
    if (ageMs >= PROOF_VALID_MS || !this.#hasCaughtUp(session)) return null;
    return session.cache.snapshot(held);
  }

  /** Whether the cache has all that a caller was shown past it. */
  #hasCaughtUp({ cache }: Session): boolean {
    if (this.#shown !== null && cache.agreesWith(this.#shown)) {
      this.#shown = null;
    }
    return this.#shown === null;
  }

  /** An own write was done: it is visible at once. */
  applyOwn(change: CacheChange): void {
    if (this.#session !== null) this.#session.cache.apply(change);
    else if (this.#running !== null) this.#ownChanges.push(change);
  }

  /** A caller has seen the scope: listeners are told nothing older. */
  noteShown(scope: StoredScope): void {
    if (this.#shown === null || scope.at > this.#shown.at) this.#shown = scope;
  }

  /** An answer of etcd, asked at `askedAt`, named the store's counter. */
  prove(at: Counter, askedAt: Moment): void {
    const session = this.#session;
    if (session === null || at > session.cache.upTo) return;
    if (askedAt > session.provenAt) session.provenAt = askedAt;
  }

  /** What the last proof shows of the scope; null: there is no watch that stands. */
  proof(): DcsProof | null {
    if (this.#session === null) return null;
    const { cache, provenAt } = this.#session;
    return { mark: String(cache.lastChange), askedAt: provenAt };
  }

  /** On a suspicion the scope is read and compared at once. */
  takeHint(hint: DcsHint): void {
    if (hint.kind === "proof") this.#takeProof(hint.proof);
    else this.#session?.hurry.abort();
  }

  /** A proof of another process; what claims to come from the future is none. */
  #takeProof({ mark, askedAt }: DcsProof): void {
    if (!/^\d{1,20}$/.test(mark) || askedAt > this.#parts.clock.now()) return;
    const named = BigInt(mark);
    this.prove(named, askedAt);
    const session = this.#session;
    if (session === null || named <= session.named) return;
    session.named = named;
    if (named > session.cache.upTo) this.#lookSoon(session, named);
  }

  /** What is missing is on its way, or is no change of this scope, or the watch is stuck. */
  async #lookSoon(session: Session, named: Counter): Promise<void> {
    await this.#parts.clock.sleep(LATE_MS, session.ending.signal);
    if (named > session.cache.upTo) session.hurry.abort();
  }

  /** Ends the session: the cache may be wrong. It is built anew. */
  drop(): void {
    this.#drops += 1;
    this.#session?.ending.abort();
    this.#end();
  }

  /** Ends the watch and waits for its end. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.drop();
    this.#listeners.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.#runSession();
      } catch {
        // Calls report what is wrong with etcd; here the answer is to go on.
      }
      this.#end();
      await this.#parts.clock.sleep(RESTART_PAUSE_MS, signal);
    }
  }

  #end(): void {
    if (this.#session === null) return;
    this.#session = null;
    this.#ownChanges = [];
    this.#listeners.fall();
  }

  async #runSession(): Promise<void> {
    const { source } = this.#parts;
    this.#ownChanges = [];
    const drops = this.#drops;
    const { value, askedAt } = await source.read(START_LIMITS.timeoutMs);
    const cache = new KeyCache(value);
    const ending = new AbortController();
    const stop = (): void => ending.abort();
    this.#closing.signal.addEventListener("abort", stop, { once: true });
    const from = value.at + 1n;
    const watch = await source.openWatch(from, {
      onResponse: (response) => this.#take(cache, response),
      onEnd: stop,
    });
    const { stream } = watch;
    try {
      const isStanding = await stream.untilStanding(START_LIMITS.timeoutMs);
      if (!isStanding) watch.leaveEndpoint();
      if (!isStanding || drops !== this.#drops) return;
      const hurry = new AbortController();
      const named = cache.upTo;
      this.#begin({ cache, ending, provenAt: askedAt, named, hurry });
      await this.#prolong(watch, ending.signal);
    } finally {
      this.#closing.signal.removeEventListener("abort", stop);
      stream.cancel();
    }
  }

  #begin(session: Session): void {
    for (const change of this.#ownChanges) session.cache.apply(change);
    this.#ownChanges = [];
    this.#session = session;
    this.#listeners.stand();
  }

  /** Returns when the session is over. */
  async #prolong(watch: FeedStream, signal: AbortSignal): Promise<void> {
    const { clock, source } = this.#parts;
    for (;;) {
      const session = this.#session;
      if (session === null || signal.aborted) return;
      const { hurry } = session;
      const dueInMs = session.provenAt + PROOF_DUE_MS - clock.now();
      if (dueInMs > 0 && !hurry.signal.aborted) {
        await clock.sleep(dueInMs, AbortSignal.any([signal, hurry.signal]));
        continue;
      }
      session.hurry = new AbortController();
      const { value, askedAt } = await source.read(PROOF_LIMITS.timeoutMs);
      if (this.#session !== session || watch.isLeft()) return;
      // A change that is just on its way looks like a lost one; both mean a
      // new session, which is never wrong.
      if (!session.cache.agreesWith(value)) return;
      session.cache.completeTo(value.at);
      this.prove(value.at, askedAt);
    }
  }

  #take(cache: KeyCache, response: IWatchResponse): void {
    const { keys, clock } = this.#parts;
    const askedAt = clock.now();
    const changes = response.events.map((event) => keys.change(event));
    for (const change of changes) cache.apply(change);
    // Without events it is etcd's progress report. With events the header may
    // run ahead of them: etcd cuts a long backlog into several responses.
    const last = response.events.at(-1)?.kv.mod_revision;
    cache.completeTo(BigInt(last ?? response.header.revision));
    if (this.#session?.cache !== cache) return;
    this.prove(cache.upTo, askedAt);
    for (const change of changes) this.#tell(this.#newest(cache, change));
  }

  /** An own write, or a read past the cache, may have shown more of that key already. */
  #newest(cache: KeyCache, change: CacheChange): CacheChange {
    const known = cache.stateOf(change.key) ?? change;
    const shown = this.#shown;
    if (shown === null || shown.at <= known.at) return known;
    const entry = shown.entries.find(({ key }) => key === change.key) ?? null;
    return { key: change.key, at: entry?.at ?? shown.at, entry };
  }

  #tell({ key, at, entry }: CacheChange): void {
    const value = entry?.value ?? null;
    this.#listeners.tell({ key, value, revision: revision(at) });
  }
}
