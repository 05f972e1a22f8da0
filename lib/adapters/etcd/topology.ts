/**
 * Keeps the list of endpoints up to date: configured names and SRV records by
 * DNS, the members by asking etcd. After a failure, and from time to time.
 *
 * A list that is there is never lost because DNS or etcd does not answer.
 */
import { after, type Moment, moment } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { discover, needsDiscovery, resolved } from "./discovery.ts";
import { EndpointBook } from "./endpoints.ts";
import type { EtcdOptions } from "./options.ts";
import type { MembersAnswer } from "./requests.ts";
import { type EtcdResolver, SystemResolver } from "./resolver.ts";
import { inTime } from "./time_limit.ts";

const RESOLVE_AGAIN_MS = 1000;
const REFRESH_TIMEOUT_MS = 3000;
/** Ten times the usual ttl, for programs that hold no lease. */
const REFRESH_EVERY_MS = 300_000;
/** After a refresh that failed. */
const REFRESH_AGAIN_MS = 10_000;

/** What the topology works with. */
interface TopologyParts {
  readonly options: EtcdOptions;
  readonly clock: Clock;
  readonly closing: AbortSignal;
  /** Asks the endpoint in use. */
  readonly listMembers: (deadline: number) => Promise<MembersAnswer>;
  /** Told whenever the list may have changed. */
  readonly onList: () => void;
}

/** Keeps the list of etcd's endpoints up to date. */
export class Topology {
  readonly #parts: TopologyParts;
  readonly #resolver: EtcdResolver;
  readonly #book: EndpointBook;
  #isToResolve: boolean;
  #refreshing: Promise<void> | null = null;
  #refreshEveryMs = REFRESH_EVERY_MS;
  #dueAt: Moment = moment(0);

  constructor(parts: TopologyParts) {
    const { options } = parts;
    this.#parts = parts;
    this.#resolver = options.resolver ?? new SystemResolver();
    this.#isToResolve = needsDiscovery(options);
    this.#book = new EndpointBook(this.#isToResolve ? [] : options.endpoints);
  }

  /** The list as it is known now. */
  get book(): EndpointBook {
    return this.#book;
  }

  /** The list gets no older than this. */
  refreshEvery(periodMs: number): void {
    this.#refreshEveryMs = periodMs;
    const dueAt = after(this.#parts.clock.now(), periodMs);
    if (dueAt < this.#dueAt) this.#dueAt = dueAt;
  }

  /** An endpoint has failed: the members may be others now. */
  expire(): void {
    this.#dueAt = this.#parts.clock.now();
  }

  /** All endpoints have failed: the configured names may lead elsewhere now. */
  resolveAgain(): void {
    this.#isToResolve = needsDiscovery(this.#parts.options);
  }

  /**
   * The endpoint to use.
   *
   * @throws {Error} If none can be found.
   */
  async endpointInUse(limitMs: number): Promise<string> {
    if (this.#isToResolve) await this.#resolve(limitMs);
    const { current } = this.#book;
    if (current === null) throw new Error("no endpoint of etcd is known");
    return current;
  }

  /** Brings the list up to date behind the caller's back, if it is time to. */
  refreshIfDue(): void {
    const { clock, closing } = this.#parts;
    if (this.#refreshing !== null || closing.aborted) return;
    if (clock.now() < this.#dueAt) return;
    this.#dueAt = after(clock.now(), REFRESH_AGAIN_MS);
    this.#refreshing = this.#refresh().catch(() => {
      // The endpoints of before go on to be used; it is tried again.
    }).finally(() => {
      this.#refreshing = null;
    });
  }

  async #resolve(limitMs: number): Promise<void> {
    const isFirst = this.#book.current === null;
    const timeoutMs = isFirst ? limitMs : Math.min(limitMs, RESOLVE_AGAIN_MS);
    try {
      const found = discover(this.#parts.options, this.#resolver);
      this.#book.setBase(await this.#inTime(found, timeoutMs));
      this.#isToResolve = false;
      this.#parts.onList();
    } catch (error) {
      if (isFirst) throw error;
    }
  }

  async #refresh(): Promise<void> {
    const { options, clock, listMembers, onList } = this.#parts;
    if (needsDiscovery(options)) await this.#resolve(REFRESH_TIMEOUT_MS);
    if (options.isProxied !== true) {
      const asking = listMembers(Date.now() + REFRESH_TIMEOUT_MS);
      const { urls, clusterId } = await this.#inTime(
        asking,
        REFRESH_TIMEOUT_MS,
      );
      const found = resolved(urls, this.#resolver);
      const members = await this.#inTime(found, REFRESH_TIMEOUT_MS);
      this.#book.setMembers(members, clusterId);
      onList();
    }
    this.#dueAt = after(clock.now(), this.#refreshEveryMs);
  }

  #inTime<T>(answer: Promise<T>, limitMs: number): Promise<T> {
    const { clock, closing } = this.#parts;
    return inTime(answer, { clock, limitMs, closing });
  }
}
