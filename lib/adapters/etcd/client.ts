/**
 * Calls to etcd with a time limit that holds, over several endpoints.
 *
 * Owns which endpoint is in use: it stays the same until it fails, so that calls
 * and the watch share one connection. Which endpoints there are is found out by
 * `discovery.ts` and by asking etcd for its members: after a failure, and from
 * time to time. What the calls are is decided elsewhere.
 */
import type { Etcd3 } from "etcd3";
import { after, type Moment, moment } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import {
  DcsRefusedError,
  DcsUnreachableError,
  LeaseGoneError,
} from "../../ports/errors.ts";
import { discover, needsDiscovery, resolved } from "./discovery.ts";
import { EndpointBook } from "./endpoints.ts";
import { asEtcdError, troubleOf } from "./errors.ts";
import { etcdClient, type EtcdOptions, readTls } from "./options.ts";
import { RaftTerms, StaleNodeError, type TermHeader } from "./raft_terms.ts";
import { listMembers } from "./requests.ts";
import { type EtcdResolver, SystemResolver } from "./resolver.ts";

const ATTEMPT_MIN_MS = 1000;
const PAUSE_MIN_MS = 100;
const PAUSE_MAX_MS = 1000;
/** gRPC's own deadline comes first; this one catches what it does not cover. */
const GUARD_MS = 100;
const REFUSED_LOGINS_MAX = 2;
const REFRESH_TIMEOUT_MS = 3000;
/** Ten times the usual ttl, for programs that hold no lease. */
const REFRESH_EVERY_MS = 300_000;
/** After a refresh that failed. */
const REFRESH_AGAIN_MS = 10_000;

/** Limits of one attempt, and who looks at the header of its answer. */
export interface CallOptions {
  /** Milliseconds since the epoch, in etcd3's form. */
  readonly deadline: number;
  /** @throws {StaleNodeError} If another node has to be asked. */
  readonly witness: (header: TermHeader) => void;
}

/** One attempt at one endpoint. */
export type Attempt<T> = (etcd: Etcd3, options: CallOptions) => Promise<T>;

/** An answer, and how it was got. */
export interface Answered<T> {
  readonly value: T;
  /** Before the first attempt was sent: what the answer says was true after that. */
  readonly askedAt: Moment;
  /** An earlier attempt of the same call may have reached etcd. */
  readonly isRepeated: boolean;
}

/** Calls etcd; several calls may run at once. */
export class EtcdClient {
  readonly #options: EtcdOptions;
  readonly #clock: Clock;
  readonly #resolver: EtcdResolver;
  readonly #book: EndpointBook;
  readonly #terms = new RaftTerms();
  readonly #clients = new Map<string, Etcd3>();
  /** Endpoints that etcd named and that were found to be of its cluster. */
  readonly #checked = new Set<string>();
  readonly #closing = new AbortController();
  #needsDiscovery: boolean;
  #refreshing: Promise<void> | null = null;
  #refreshEveryMs = REFRESH_EVERY_MS;
  #refreshDueAt: Moment = moment(0);
  #departures = 0;

  /** @throws {Error} Without endpoints, or if a TLS file can not be read. */
  constructor(options: EtcdOptions, clock: Clock) {
    const { endpoints, srv, tls } = options;
    if (endpoints.length === 0 && srv === undefined) {
      throw new Error("etcd needs at least one endpoint");
    }
    this.#options = options;
    this.#clock = clock;
    this.#resolver = options.resolver ?? new SystemResolver();
    this.#needsDiscovery = needsDiscovery(options);
    this.#book = new EndpointBook(this.#needsDiscovery ? [] : endpoints);
    // A missing TLS file is the operator's to know at once, not at a call.
    const mayBeSecure = srv !== undefined ||
      endpoints.some((endpoint) => endpoint.startsWith("https:"));
    if (mayBeSecure) readTls(tls ?? {});
  }

  /** How often an endpoint was left: streams from before are not to be trusted. */
  get departures(): number {
    return this.#departures;
  }

  /** The endpoints known now, in the order of their use. */
  get endpoints(): readonly string[] {
    return this.#book.list;
  }

  /** The endpoint in use; null: none is known yet. */
  get endpoint(): string | null {
    return this.#book.current;
  }

  /** The list of endpoints gets no older than this. */
  refreshEvery(periodMs: number): void {
    this.#refreshEveryMs = periodMs;
    const dueAt = after(this.#clock.now(), periodMs);
    if (dueAt < this.#refreshDueAt) this.#refreshDueAt = dueAt;
  }

  /**
   * One call, tried at one endpoint after the other while the limit lasts.
   *
   * @throws {DcsUnreachableError} If no endpoint answered in time.
   * @throws {DcsRefusedError} If etcd answered with an error.
   */
  async call<T>(
    attempt: Attempt<T>,
    limits: DcsLimits,
  ): Promise<Answered<T>> {
    const askedAt = this.#clock.now();
    const deadline = after(askedAt, limits.timeoutMs);
    const stale = new Set<string>();
    let isRepeated = false;
    let refusedLogins = 0;
    for (let failures = 0;; failures++) {
      let endpoint: string | null = null;
      try {
        const limitMs = this.#attemptMs(deadline, failures);
        endpoint = await this.#endpointInUse(limitMs);
        const value = await this.#attempt(attempt, endpoint, limitMs);
        this.#refreshIfDue();
        return { value, askedAt, isRepeated };
      } catch (thrown) {
        const error = asEtcdError(thrown);
        const trouble = troubleOf(error);
        if (trouble === "stale_login") refusedLogins += 1;
        const isFinal = trouble === "refused" ||
          refusedLogins >= REFUSED_LOGINS_MAX;
        if (isFinal) throw refused(error);
        isRepeated ||= trouble === "unreachable" && endpoint !== null;
        if (thrown instanceof StaleNodeError && endpoint !== null) {
          this.#noteStale(stale.add(endpoint));
        }
        if (endpoint !== null) this.leave(endpoint);
        await this.#pause(failures, deadline);
        if (this.#isOver(deadline)) throw this.#unreachable(error);
      }
    }
  }

  /**
   * The client of the endpoint in use, for streams.
   *
   * @throws {Error} Before the first call, and after the end.
   */
  current(): { readonly etcd: Etcd3; readonly endpoint: string } {
    if (this.#closing.signal.aborted) throw new Error("the client is closed");
    const endpoint = this.#book.current;
    if (endpoint === null) throw new Error("no endpoint is known yet");
    return { etcd: this.#client(endpoint), endpoint };
  }

  /** Whether an answer on a stream is of the newest Raft term. */
  isCurrent(header: TermHeader): boolean {
    return this.#terms.isCurrent(header);
  }

  /** Forgets the endpoint's connections and login; the next one is used then. */
  leave(endpoint: string): void {
    this.#departures += 1;
    this.#clients.get(endpoint)?.close();
    this.#clients.delete(endpoint);
    this.#checked.delete(endpoint);
    this.#book.pass(endpoint);
    this.#refreshDueAt = this.#clock.now();
  }

  close(): void {
    this.#closing.abort();
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  #client(endpoint: string): Etcd3 {
    const known = this.#clients.get(endpoint);
    if (known !== undefined) return known;
    const client = etcdClient(endpoint, this.#options);
    this.#clients.set(endpoint, client);
    return client;
  }

  async #endpointInUse(limitMs: number): Promise<string> {
    if (this.#needsDiscovery) await this.#discover(limitMs);
    const { current } = this.#book;
    if (current === null) throw new Error("no endpoint of etcd is known");
    return current;
  }

  /** A list that is there already is kept if DNS does not answer. */
  async #discover(limitMs: number): Promise<void> {
    const isFirst = this.#book.current === null;
    const timeoutMs = isFirst ? limitMs : Math.min(limitMs, ATTEMPT_MIN_MS);
    try {
      const found = discover(this.#options, this.#resolver);
      this.#book.setBase(await this.#withGuard(found, timeoutMs));
      this.#leaveUnlisted();
      this.#needsDiscovery = false;
    } catch (error) {
      if (isFirst) throw error;
    }
  }

  async #attempt<T>(
    attempt: Attempt<T>,
    endpoint: string,
    limitMs: number,
  ): Promise<T> {
    if (this.#closing.signal.aborted) throw new Error("the client is closed");
    const deadline = Date.now() + limitMs;
    const witness = (header: TermHeader): void => this.#terms.check(header);
    const answer = (async () => {
      const etcd = this.#client(endpoint);
      await this.#check(endpoint, deadline);
      return await attempt(etcd, { deadline, witness });
    })();
    return await this.#withGuard(answer, limitMs + GUARD_MS);
  }

  /**
   * An address that etcd named may lead elsewhere (`localhost`): nothing is
   * written there before it has shown that it is of the same cluster.
   */
  async #check(endpoint: string, deadline: number): Promise<void> {
    const clusterId = this.#book.namedBy(endpoint);
    if (clusterId === null || this.#checked.has(endpoint)) return;
    const answer = await listMembers(this.#client(endpoint), { deadline });
    if (answer.clusterId !== clusterId) {
      throw new Error(`${endpoint} is of another etcd cluster`);
    }
    this.#checked.add(endpoint);
  }

  #refreshIfDue(): void {
    if (this.#refreshing !== null || this.#closing.signal.aborted) return;
    if (this.#clock.now() < this.#refreshDueAt) return;
    this.#refreshDueAt = after(this.#clock.now(), REFRESH_AGAIN_MS);
    this.#refreshing = this.#refresh().catch(() => {
      // The endpoints of before go on to be used; it is tried again.
    }).finally(() => {
      this.#refreshing = null;
    });
  }

  /** The configured names and the cluster's members, as they are now. */
  async #refresh(): Promise<void> {
    if (needsDiscovery(this.#options)) await this.#discover(REFRESH_TIMEOUT_MS);
    if (this.#options.isProxied !== true) {
      const { etcd } = this.current();
      const deadline = Date.now() + REFRESH_TIMEOUT_MS;
      const { urls, clusterId } = await this.#withGuard(
        listMembers(etcd, { deadline }),
        REFRESH_TIMEOUT_MS + GUARD_MS,
      );
      const found = await this.#withGuard(
        resolved(urls, this.#resolver),
        REFRESH_TIMEOUT_MS,
      );
      this.#book.setMembers(found, clusterId);
      this.#leaveUnlisted();
    }
    this.#refreshDueAt = after(this.#clock.now(), this.#refreshEveryMs);
  }

  /** A name that leads elsewhere now, or a removed member. */
  #leaveUnlisted(): void {
    for (const endpoint of [...this.#clients.keys()]) {
      if (!this.#book.list.includes(endpoint)) this.leave(endpoint);
    }
  }

  /** All nodes at an older term are no stale nodes but a restored store. */
  #noteStale(stale: ReadonlySet<string>): void {
    if (this.#book.list.every((one) => stale.has(one))) this.#terms.forget();
  }

  /** Rejects after `limitMs`, whatever the library waits for. */
  async #withGuard<T>(answer: Promise<T>, limitMs: number): Promise<T> {
    const settled = new AbortController();
    const stop = (): void => settled.abort();
    answer.then(stop, stop);
    this.#closing.signal.addEventListener("abort", stop, { once: true });
    try {
      await this.#clock.sleep(limitMs, settled.signal);
      if (this.#closing.signal.aborted) throw new Error("the client is closed");
      if (!settled.signal.aborted) throw new Error("no answer in time");
      return await answer;
    } finally {
      this.#closing.signal.removeEventListener("abort", stop);
    }
  }

  /** The time left, shared with the endpoints that are still to be tried. */
  #attemptMs(deadline: Moment, failures: number): number {
    const leftMs = deadline - this.#clock.now();
    const untried = Math.max(1, this.#book.list.length - failures);
    return Math.min(leftMs, Math.max(ATTEMPT_MIN_MS, leftMs / untried));
  }

  /** Between rounds over all endpoints, not between endpoints. */
  async #pause(failures: number, deadline: Moment): Promise<void> {
    const count = Math.max(1, this.#book.list.length);
    const rounds = Math.floor((failures + 1) / count);
    if (rounds * count !== failures + 1) return;
    this.#needsDiscovery = needsDiscovery(this.#options);
    const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** (rounds - 1));
    const leftMs = Math.max(0, deadline - this.#clock.now());
    await this.#clock.sleep(Math.min(pauseMs, leftMs), this.#closing.signal);
  }

  #isOver(deadline: Moment): boolean {
    return this.#closing.signal.aborted || this.#clock.now() >= deadline;
  }

  #unreachable(cause: Error): DcsUnreachableError {
    const { endpoints, srv } = this.#options;
    const where = srv ?? endpoints.join(", ");
    return new DcsUnreachableError(
      `Cannot reach etcd at ${where}: ${cause.message}`,
      { cause },
    );
  }
}

function refused(cause: Error): DcsRefusedError {
  const message = `etcd refused: ${cause.message}`;
  return cause.message.includes("requested lease not found")
    ? new LeaseGoneError(message, { cause })
    : new DcsRefusedError(message, { cause });
}
