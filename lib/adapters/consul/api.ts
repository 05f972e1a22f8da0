/**
 * The requests that the port's operations are made of, with the errors of the
 * port. Only what Consul says it has not done ("no leader just now") is sent
 * again, until the limit of the call is over.
 */
import { after, type Moment, remainingMs } from "../../core/base/units.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";
import { errorOf, isNotNow, strangerError, transportError } from "./errors.ts";
import { type ConsulOptions, readTls } from "./options.ts";
import type { SessionTimes } from "./session_times.ts";
import {
  type ConsulReply,
  type ConsulRequest,
  ConsulTransport,
} from "./transport.ts";
import { doneOf, failureOf, type TxnOutcome, type TxnPlan } from "./txn.ts";
import { objectOf, ScopeKeys, type StoredScope } from "./wire.ts";

const AGAIN_AFTER_MS = 100;

/** How to read the scope. */
export interface ReadKind {
  readonly consistency: "default" | "consistent" | "stale";
  /** Wait until something has changed after that index; absent: answer now. */
  readonly newerThan?: { readonly index: number; readonly waitMs: number };
}

type Ask = Omit<ConsulRequest, "token">;

/** One scope's requests. */
export class ConsulApi {
  readonly keys: ScopeKeys;
  readonly #options: ConsulOptions;
  readonly #transport: ConsulTransport;
  readonly #closing = new AbortController();

  /** @throws {Error} If a TLS file cannot be read. */
  constructor(options: ConsulOptions) {
    this.#options = options;
    this.keys = new ScopeKeys(options.scopePath);
    this.#transport = new ConsulTransport(
      options.endpoint,
      readTls(options.tls),
    );
  }

  /** All keys of the scope. */
  async scope(kind: ReadKind, limits: DcsLimits): Promise<StoredScope> {
    const { consistency, newerThan } = kind;
    const words = [
      "recurse",
      ...(consistency === "default" ? [] : [consistency]),
      ...(newerThan === undefined
        ? []
        : [`index=${newerThan.index}`, `wait=${newerThan.waitMs}ms`]),
    ];
    const path = this.#path(`kv/${this.keys.urlPath}`, words);
    const reply = await this.#call({ method: "GET", path, body: null }, limits);
    const isEmpty = reply.status === 404 && reply.index !== null;
    if (reply.status !== 200 && !isEmpty) throw this.#error(reply);
    if (reply.isFiltered) throw this.#hidden();
    const { index } = reply;
    if (index === null) throw this.#stranger(reply);
    if (isEmpty) {
      if (newerThan === undefined) await this.#mustSeeNothing(limits);
      return { at: index, entries: [] };
    }
    const entries = this.#understood(
      reply,
      () => this.keys.entries(reply.body),
    );
    return { at: index, entries };
  }

  /** Sends a transaction. */
  async transact(plan: TxnPlan, limits: DcsLimits): Promise<TxnOutcome> {
    const operations = plan.operations.map((one) => ({ KV: one }));
    const body = JSON.stringify(operations);
    const path = this.#path("txn", []);
    const reply = await this.#call({ method: "PUT", path, body }, limits);
    switch (reply.status) {
      case 200:
        return this.#understood(reply, () => doneOf(reply.body));
      case 409:
        return this.#understood(reply, () => failureOf(reply.body, plan));
      default:
        throw this.#error(reply);
    }
  }

  /** Makes a session; returns its identifier. */
  async createSession(times: SessionTimes, limits: DcsLimits): Promise<string> {
    const { holder, checks } = this.#options;
    const body = JSON.stringify({
      ...{ Name: holder, Behavior: "delete" },
      ...{ TTL: times.ttl, LockDelay: times.lockDelay },
      // Left out they would mean the health of the agent's node. Consul before
      // 1.7 knows the first name, the newer ones prefer the second.
      ...{ Checks: checks, NodeChecks: checks },
    });
    const path = this.#path("session/create", []);
    const reply = await this.#call({ method: "PUT", path, body }, limits);
    if (reply.status !== 200) throw this.#error(reply);
    const { ID: id } = this.#understood(
      reply,
      () => objectOf(JSON.parse(reply.body)),
    );
    if (typeof id !== "string") throw this.#stranger(reply);
    return id;
  }

  /** Renews a session; false: it is gone. */
  async renewSession(id: string, limits: DcsLimits): Promise<boolean> {
    const path = this.#path(`session/renew/${encodeURIComponent(id)}`, []);
    const reply = await this.#call({ method: "PUT", path, body: null }, limits);
    if (reply.status === 200) return true;
    const said = reply.body.toLowerCase();
    const isGone = said.includes("uuid must be") ||
      said.includes("session id") && said.includes("not found");
    if (isGone) return false;
    throw this.#error(reply);
  }

  /** Whether there is such a session. */
  async hasSession(id: string, limits: DcsLimits): Promise<boolean> {
    const name = `session/info/${encodeURIComponent(id)}`;
    const path = this.#path(name, ["consistent"]);
    const reply = await this.#call({ method: "GET", path, body: null }, limits);
    if (reply.status !== 200) throw this.#error(reply);
    const found: unknown = this.#understood(
      reply,
      () => JSON.parse(reply.body),
    );
    return Array.isArray(found) && found.length > 0;
  }

  /** Any other request; its answer must be a success. */
  async put(name: string, body: unknown, limits: DcsLimits): Promise<void> {
    const path = this.#path(name, []);
    const text = body === null ? null : JSON.stringify(body);
    const reply = await this.#call({ method: "PUT", path, body: text }, limits);
    if (reply.status !== 200) throw this.#error(reply);
  }

  /** Ends what is on its way; later calls fail. */
  close(): void {
    this.#closing.abort();
  }

  /** A token without rights sees an empty scope, and no error (before Consul 1.11). */
  async #mustSeeNothing(limits: DcsLimits): Promise<void> {
    const Key = this.keys.full("initialize");
    const look = { Verb: "check-index", Key, Index: 1 };
    const plan = { operations: [look], isByValue: [false] };
    const outcome = await this.transact(plan, limits);
    if (outcome.kind === "refused") throw this.#hidden();
  }

  #hidden(): DcsRefusedError {
    return new DcsRefusedError(
      `Consul at ${this.#options.endpoint} hides keys of this scope from ` +
        "this token: it needs key_prefix read, and members need write",
    );
  }

  #path(name: string, words: readonly string[]): string {
    const { dc } = this.#options.access();
    const all = dc === null
      ? words
      : [...words, `dc=${encodeURIComponent(dc)}`];
    return `/v1/${name}${all.length === 0 ? "" : `?${all.join("&")}`}`;
  }

  async #call(ask: Ask, { timeoutMs }: DcsLimits): Promise<ConsulReply> {
    const { clock } = this.#options;
    const deadline = after(clock.now(), timeoutMs);
    for (;;) {
      const reply = await this.#exchange(ask, deadline);
      const leftMs = remainingMs(deadline, clock.now());
      if (!isNotNow(reply) || leftMs <= AGAIN_AFTER_MS) return reply;
      await clock.sleep(AGAIN_AFTER_MS, this.#closing.signal);
    }
  }

  async #exchange(ask: Ask, deadline: Moment): Promise<ConsulReply> {
    const { access, clock, endpoint } = this.#options;
    const { token } = access();
    const timeoutMs = remainingMs(deadline, clock.now());
    const closing = this.#closing.signal;
    try {
      const request = { ...ask, token };
      return await this.#transport.exchange(request, { timeoutMs, closing });
    } catch (error) {
      throw transportError(error, endpoint);
    }
  }

  #error(reply: ConsulReply): DcsRefusedError | DcsUnreachableError {
    return errorOf(reply, this.#options.endpoint);
  }

  #stranger(reply: ConsulReply): DcsRefusedError {
    return strangerError(reply, this.#options.endpoint);
  }

  #understood<T>(reply: ConsulReply, read: () => T): T {
    try {
      return read();
    } catch {
      throw this.#stranger(reply);
    }
  }
}
