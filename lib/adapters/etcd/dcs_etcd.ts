/**
 * Port Dcs on etcd v3: which request each operation is, and what its answer
 * means for the cache.
 *
 * Never renews a lease by itself and never revokes one. The stored keys are
 * those of Patroni's etcd3 layout, so that both can work on one scope.
 */
import {
  after,
  remainingMs,
  revision,
  type SessionId,
  sessionId,
} from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type {
  Dcs,
  DcsCapabilities,
  DcsHint,
  DcsLimits,
  DcsListener,
  DcsNode,
  DcsProof,
  DcsResult,
  DcsSession,
  DcsSnapshot,
  DcsWrite,
  RenewAnswer,
} from "../../ports/dcs.ts";
import { DcsUnreachableError } from "../../ports/errors.ts";
import type { Attempt } from "./attempt.ts";
import { type Answered, EtcdClient } from "./client.ts";
import { etcdFeedSource, ScopeFeed } from "./feed.ts";
import { entryOf, ScopeKeys } from "./keys.ts";
import { lookAtNodes } from "./node_looks.ts";
import type { EtcdOptions } from "./options.ts";
import {
  deleteScope,
  grantOnce,
  readScope,
  renewOnce,
  txnOf,
} from "./requests.ts";
import { V2Scope } from "./v2_scope.ts";

/** The list of endpoints is as old as this many lease times at most. */
const REFRESH_TTLS = 10;

const CAPABILITIES: DcsCapabilities = {
  hasTransactions: true,
  mayForget: false,
  isSnapshotAtomic: true,
  expiry: "store",
  // etcd counts whole seconds.
  ttlMinMs: 1000,
};

/** What the adapter needs. */
export interface DcsEtcdOptions extends EtcdOptions {
  /** `/<namespace>/<scope>`, without a slash at its end. */
  readonly scopePath: string;
  readonly clock: Clock;
  /** A scope whose keys lie in the version 2 store is refused; absent: nobody looks. */
  readonly looksForV2?: boolean;
}

/** The store on etcd v3. */
export class DcsEtcd implements Dcs {
  readonly #client: EtcdClient;
  readonly #keys: ScopeKeys;
  readonly #feed: ScopeFeed;
  readonly #clock: Clock;
  readonly nodes: (limits: DcsLimits) => Promise<readonly DcsNode[]>;
  /** Null: version 2 is nobody's concern. */
  readonly #v2: V2Scope | null;
  readonly capabilities: DcsCapabilities = CAPABILITIES;
  /** The session that this process opened last. */
  #held: SessionId | null = null;

  /** @throws {Error} Without endpoints, or if a TLS file cannot be read. */
  constructor(options: DcsEtcdOptions) {
    const { clock, tls = {}, login = () => null, scopePath } = options;
    this.#clock = clock;
    const { tls: files } = options;
    this.nodes = ({ timeoutMs }) =>
      lookAtNodes(this.#client.endpoints, {
        ...{ clock, timeoutMs },
        ...(files === undefined ? {} : { tls: files }),
      });
    this.#client = new EtcdClient(options, clock);
    this.#v2 = options.looksForV2 === true
      ? new V2Scope({ scopePath, tls, login })
      : null;
    this.#keys = new ScopeKeys(scopePath);
    const parts = { keys: this.#keys, clock };
    const source = etcdFeedSource(this.#client, parts);
    this.#feed = new ScopeFeed({ source, ...parts });
  }

  async read(limits: DcsLimits): Promise<DcsSnapshot> {
    this.#feed.start();
    return this.#feed.current(this.#held) ??
      await this.readFresh(limits);
  }

  async readFresh(limits: DcsLimits): Promise<DcsSnapshot> {
    const left = this.#leftOf(limits);
    const { value, askedAt } = await this.#call(readScope(this.#keys), left());
    await this.#refuseV2(left());
    this.#feed.noteShown(value);
    this.#feed.prove(value.at, askedAt);
    const entries = value.entries.map((one) => entryOf(one, this.#held));
    return { entries };
  }

  async write(write: DcsWrite, limits: DcsLimits): Promise<DcsResult> {
    const left = this.#leftOf(limits);
    if (this.#v2?.isUnknown) await this.readFresh(left());
    const answer = await this.#call(txnOf(this.#keys, write), left());
    const { isDone, at } = answer.value;
    if (!isDone) {
      // The view that the conditions came from is outdated, so the cache may be.
      this.#feed.drop();
      if (answer.isRepeated && !isIdempotent(write)) {
        throw new DcsUnreachableError(
          `Cannot tell whether "${write.edits[0]?.key}" was written: the ` +
            "first attempt got no answer",
        );
      }
      return { kind: "condition_failed" };
    }
    for (const edit of write.edits) {
      const { key } = edit;
      const entry = edit.kind === "put"
        ? { key, value: edit.value, at, leaseId: edit.session }
        : null;
      this.#feed.applyOwn({ key, at, entry });
    }
    return { kind: "done", revision: revision(at) };
  }

  async removeScope(limits: DcsLimits): Promise<void> {
    try {
      await this.#call(deleteScope(this.#keys), limits);
    } finally {
      this.#feed.drop();
    }
  }

  /** etcd counts whole seconds, and may grant more than was asked for. */
  async openSession(ttlMs: number, limits: DcsLimits): Promise<DcsSession> {
    this.#client.refreshEvery(REFRESH_TTLS * ttlMs);
    const seconds = Math.ceil(ttlMs / 1000);
    const { value } = await this.#call(grantOnce(seconds), limits);
    this.#held = sessionId(value.id);
    return { id: this.#held, ttlMs: value.seconds * 1000 };
  }

  async renewSession(id: SessionId, limits: DcsLimits): Promise<RenewAnswer> {
    const { value, askedAt } = await this.#call(renewOnce(id), limits);
    this.#feed.prove(value.at, askedAt);
    return value.isAlive ? "alive" : "gone";
  }

  watch(listener: DcsListener, signal: AbortSignal): void {
    this.#feed.add(listener, signal);
  }

  proof(): DcsProof | null {
    return this.#feed.proof();
  }

  takeHint(hint: DcsHint): void {
    this.#feed.takeHint(hint);
  }

  async close(): Promise<void> {
    const closed = this.#feed.close();
    this.#client.close();
    await closed;
  }

  /** What is left of a limit, for calls that are made of several. */
  #leftOf({ timeoutMs }: DcsLimits): () => DcsLimits {
    const deadline = after(this.#clock.now(), timeoutMs);
    return () => ({
      timeoutMs: Math.max(1, remainingMs(deadline, this.#clock.now())),
    });
  }

  /** Asks the endpoint that has just answered. */
  async #refuseV2({ timeoutMs }: DcsLimits): Promise<void> {
    const { endpoint } = this.#client;
    if (endpoint !== null) await this.#v2?.ensureAbsent(endpoint, timeoutMs);
  }

  /** An endpoint that does not answer cannot vouch for the cache either. */
  async #call<T>(
    attempt: Attempt<T>,
    limits: DcsLimits,
  ): Promise<Answered<T>> {
    const { departures } = this.#client;
    try {
      return await this.#client.call(attempt, limits);
    } finally {
      if (this.#client.departures !== departures) this.#feed.drop();
    }
  }
}

/** Whether doing it twice comes to the same as doing it once. */
function isIdempotent(write: DcsWrite): boolean {
  return write.when.length === 0;
}
