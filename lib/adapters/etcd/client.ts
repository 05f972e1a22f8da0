/**
 * Calls to etcd with a time limit that holds, over several endpoints.
 *
 * Owns which endpoint is in use: it stays the same until it fails, so that calls
 * and the watch share one connection. Which endpoints there are is the business
 * of `topology.ts`; what the calls are is decided elsewhere.
 */
import type { Etcd3 } from "etcd3";
import { after, type Moment } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import {
  DcsRefusedError,
  DcsUnreachableError,
  SessionGoneError,
} from "../../ports/errors.ts";
import type { Attempt } from "./attempt.ts";
import { asEtcdError, isStranger, isTimeout, troubleOf } from "./errors.ts";
import { unlessLost } from "./lost_host.ts";
import {
  etcdClient,
  type EtcdLogin,
  type EtcdOptions,
  readTls,
} from "./options.ts";
import { RaftTerms, StaleNodeError, type TermHeader } from "./raft_terms.ts";
import { listMembers } from "./requests.ts";
import { inTime } from "./time_limit.ts";
import { Topology } from "./topology.ts";

const ATTEMPT_MIN_MS = 1000;
const PAUSE_MIN_MS = 100;
const PAUSE_MAX_MS = 1000;
/** gRPC's own deadline comes first; this one catches what it does not cover. */
const GUARD_MS = 100;
const REFUSED_LOGINS_MAX = 2;

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
  readonly #topology: Topology;
  readonly #terms = new RaftTerms();
  readonly #clients = new Map<string, LoggedIn>();
  /** Endpoints that etcd named and that were found to be of its cluster. */
  readonly #checked = new Set<string>();
  readonly #closing = new AbortController();
  #departures = 0;

  /** @throws {Error} Without endpoints, or if a TLS file cannot be read. */
  constructor(options: EtcdOptions, clock: Clock) {
    const { endpoints, srv, tls } = options;
    if (endpoints.length === 0 && srv === undefined) {
      throw new Error("etcd needs at least one endpoint");
    }
    this.#options = options;
    this.#clock = clock;
    this.#topology = new Topology({
      ...{ options, clock, closing: this.#closing.signal },
      listMembers: async (deadline) =>
        await listMembers(this.current().etcd, { deadline }),
      onList: () => this.#leaveUnlisted(),
    });
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
    return this.#topology.book.list;
  }

  /** The endpoint in use; null: none is known yet. */
  get endpoint(): string | null {
    return this.#topology.book.current;
  }

  /** The list of endpoints gets no older than this. */
  refreshEvery(periodMs: number): void {
    this.#topology.refreshEvery(periodMs);
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
    let told: Error | null = null;
    for (let failures = 0;; failures++) {
      let endpoint: string | null = null;
      try {
        const limitMs = this.#attemptMs(deadline, failures);
        endpoint = await this.#topology.endpointInUse(limitMs);
        const value = await this.#attempt(attempt, endpoint, limitMs);
        this.#topology.refreshIfDue();
        return { value, askedAt, isRepeated };
      } catch (thrown) {
        const error = asEtcdError(thrown);
        const trouble = troubleOf(error);
        if (trouble === "stale_login") refusedLogins += 1;
        const isFinal = trouble === "refused" ||
          refusedLogins >= REFUSED_LOGINS_MAX;
        if (isFinal) throw this.#refused(error);
        isRepeated ||= trouble === "unreachable" && endpoint !== null;
        if (thrown instanceof StaleNodeError && endpoint !== null) {
          this.#noteStale(stale.add(endpoint));
        }
        if (endpoint !== null) this.leave(endpoint);
        if (!isTimeout(error)) told = error;
        await this.#pause(failures, deadline);
        if (!this.#isOver(deadline)) continue;
        // The last try may have had no time to find out what others did.
        throw this.#unreachable(told ?? error);
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
    const endpoint = this.#topology.book.current;
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
    this.#clients.get(endpoint)?.etcd.close();
    this.#clients.delete(endpoint);
    this.#checked.delete(endpoint);
    this.#topology.book.pass(endpoint);
    this.#topology.expire();
  }

  close(): void {
    this.#closing.abort();
    for (const { etcd } of this.#clients.values()) etcd.close();
    this.#clients.clear();
  }

  #client(endpoint: string): Etcd3 {
    const { tls, login: currentLogin } = this.#options;
    const login = currentLogin?.() ?? null;
    const known = this.#clients.get(endpoint);
    if (known !== undefined) {
      if (isSameLogin(known.login, login)) return known.etcd;
      this.#departures += 1;
      known.etcd.close();
    }
    const etcd = etcdClient(endpoint, {
      login,
      ...(tls === undefined ? {} : { tls }),
    });
    this.#clients.set(endpoint, { etcd, login });
    return etcd;
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
    const clock = this.#clock;
    const hasOthers = this.#topology.book.list.length > 1;
    const tls = () => readTls(this.#options.tls ?? {});
    const timely = hasOthers
      ? unlessLost(answer, { endpoint, clock, tls })
      : answer;
    return await inTime(timely, {
      ...{ clock, closing: this.#closing.signal },
      limitMs: limitMs + GUARD_MS,
    });
  }

  /**
   * An address that etcd named may lead elsewhere (`localhost`): nothing is
   * written there before it has shown that it is of the same cluster.
   */
  async #check(endpoint: string, deadline: number): Promise<void> {
    const clusterId = this.#topology.book.namedBy(endpoint);
    if (clusterId === null || this.#checked.has(endpoint)) return;
    const answer = await listMembers(this.#client(endpoint), { deadline });
    if (answer.clusterId !== clusterId) {
      throw new Error(`${endpoint} is of another etcd cluster`);
    }
    this.#checked.add(endpoint);
  }

  /** A name that leads elsewhere now, or a removed member. */
  #leaveUnlisted(): void {
    for (const endpoint of [...this.#clients.keys()]) {
      if (!this.#topology.book.list.includes(endpoint)) this.leave(endpoint);
    }
  }

  /** All nodes at an older term are no stale nodes but a restored store. */
  #noteStale(stale: ReadonlySet<string>): void {
    if (this.#topology.book.list.every((one) => stale.has(one))) {
      this.#terms.forget();
    }
  }

  /** The time left, shared with the endpoints that are still to be tried. */
  #attemptMs(deadline: Moment, failures: number): number {
    const leftMs = deadline - this.#clock.now();
    const untried = Math.max(1, this.#topology.book.list.length - failures);
    return Math.min(leftMs, Math.max(ATTEMPT_MIN_MS, leftMs / untried));
  }

  /** Between rounds over all endpoints, not between endpoints. */
  async #pause(failures: number, deadline: Moment): Promise<void> {
    const count = Math.max(1, this.#topology.book.list.length);
    const rounds = Math.floor((failures + 1) / count);
    if (rounds * count !== failures + 1) return;
    this.#topology.resolveAgain();
    const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** (rounds - 1));
    const leftMs = Math.max(0, deadline - this.#clock.now());
    await this.#clock.sleep(Math.min(pauseMs, leftMs), this.#closing.signal);
  }

  #isOver(deadline: Moment): boolean {
    return this.#closing.signal.aborted || this.#clock.now() >= deadline;
  }

  #unreachable(cause: Error): DcsUnreachableError {
    const begin = this.#begin("Cannot reach etcd at " + this.#where, cause);
    const why = cause.message.replace(/\. Resolution note: $/, "");
    return new DcsUnreachableError(`${begin}: ${why}`, { cause });
  }

  #refused(cause: Error): DcsRefusedError {
    const message = `${this.#begin("etcd refused", cause)}: ${cause.message}`;
    return cause.message.includes("requested lease not found")
      ? new SessionGoneError(message, { cause })
      : new DcsRefusedError(message, { cause });
  }

  /** Of the sentence that says what is wrong. */
  #begin(known: string, cause: Error): string {
    return isStranger(cause)
      ? `What answers at ${this.#where} is no etcd of version 3`
      : known;
  }

  get #where(): string {
    const { endpoints, srv } = this.#options;
    return srv ?? endpoints.join(", ");
  }
}

/** A client keeps the login that it was made with. */
interface LoggedIn {
  readonly etcd: Etcd3;
  readonly login: EtcdLogin | null;
}

function isSameLogin(one: EtcdLogin | null, other: EtcdLogin | null): boolean {
  return one?.username === other?.username &&
    one?.password === other?.password;
}
