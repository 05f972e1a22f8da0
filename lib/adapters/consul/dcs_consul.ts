/**
 * Port Dcs on Consul: which requests each operation is. The stored keys and
 * sessions are those of Patroni's layout, so that both can work on one scope.
 *
 * Never renews a session by itself and never destroys one.
 */
import {
  after,
  remainingMs,
  revision,
  type SessionId,
  sessionId,
} from "../../core/base/units.ts";
import type {
  Dcs,
  DcsCapabilities,
  DcsEdit,
  DcsLimits,
  DcsListener,
  DcsResult,
  DcsSession,
  DcsSnapshot,
  DcsWrite,
  RenewAnswer,
} from "../../ports/dcs.ts";
import {
  DcsRefusedError,
  DcsUnreachableError,
  SessionGoneError,
} from "../../ports/errors.ts";
import { ConsulApi } from "./api.ts";
import type { ConsulOptions } from "./options.ts";
import { Registrar } from "./registrar.ts";
import { ScopeReader } from "./reader.ts";
import { sessionTimes } from "./session_times.ts";
import { needsValues, planOf, type TxnOutcome, type TxnPlan } from "./txn.ts";
import { ScopeWatcher } from "./watcher.ts";
import { entryOf, type StoredScope } from "./wire.ts";

const CAPABILITIES: DcsCapabilities = {
  hasTransactions: true,
  mayForget: false,
  isSnapshotAtomic: true,
  expiry: "store",
  // Twice the session_ttl_min that Consul has by default.
  ttlMinMs: 20_000,
};

/** The index of a write that only deleted; no key has it. */
const DELETED = revision("deleted");

/** The store on Consul. */
export class DcsConsul implements Dcs {
  readonly capabilities: DcsCapabilities = CAPABILITIES;
  readonly #options: ConsulOptions;
  readonly #api: ConsulApi;
  readonly #reader: ScopeReader;
  readonly #watcher: ScopeWatcher;
  readonly #registrar: Registrar | null;
  /** The session that this process opened last. */
  #held: SessionId | null = null;

  /** @throws {Error} If a TLS file cannot be read. */
  constructor(options: ConsulOptions) {
    const { clock, access } = options;
    this.#options = options;
    this.#api = new ConsulApi(options);
    const consistency = () => access().consistency;
    this.#reader = new ScopeReader({ api: this.#api, clock, consistency });
    this.#watcher = new ScopeWatcher(this.#reader, clock);
    this.#registrar = registrarOf(options, this.#api);
  }

  async read(limits: DcsLimits): Promise<DcsSnapshot> {
    return this.#shown(await this.#reader.current(limits));
  }

  async readFresh(limits: DcsLimits): Promise<DcsSnapshot> {
    return this.#shown(await this.#reader.fresh(limits));
  }

  async write(write: DcsWrite, { timeoutMs }: DcsLimits): Promise<DcsResult> {
    const { clock } = this.#options;
    const deadline = after(clock.now(), timeoutMs);
    const left = () => ({ timeoutMs: remainingMs(deadline, clock.now()) });
    for (;;) {
      const stored = needsValues(write)
        ? await this.#reader.fresh(left())
        : null;
      const plan = planOf(this.#api.keys, write, stored);
      if (plan === null) return { kind: "condition_failed" };
      const outcome = await this.#transact(plan, left());
      if (outcome.kind === "outdated") continue;
      const isGone = outcome.kind === "delayed" &&
        await this.#isOneGone(write, left());
      return this.#resultOf(isGone ? { kind: "session_gone" } : outcome, write);
    }
  }

  async removeScope(limits: DcsLimits): Promise<void> {
    const tree = { Verb: "delete-tree", Key: this.#api.keys.prefix };
    const plan = { operations: [tree], isByValue: [] };
    const outcome = await this.#transact(plan, limits);
    if (outcome.kind !== "done") {
      throw new DcsRefusedError("Consul does not delete the scope's keys");
    }
  }

  async openSession(ttlMs: number, limits: DcsLimits): Promise<DcsSession> {
    const times = sessionTimes(ttlMs);
    const id = sessionId(await this.#api.createSession(times, limits));
    this.#held = id;
    this.#registrar?.noteSession(ttlMs);
    return { id, ttlMs: times.promisedMs };
  }

  async renewSession(id: SessionId, limits: DcsLimits): Promise<RenewAnswer> {
    const isAlive = await this.#api.renewSession(id, limits);
    this.#registrar?.tend();
    return isAlive ? "alive" : "gone";
  }

  watch(listener: DcsListener, signal: AbortSignal): void {
    this.#watcher.add(listener, signal);
  }

  async close(): Promise<void> {
    const closed = this.#watcher.close();
    this.#api.close();
    await closed;
  }

  #shown({ entries }: StoredScope): DcsSnapshot {
    return { entries: entries.map((one) => entryOf(one, this.#held)) };
  }

  /** Consul looks at the lock delay first, and a new session would help. */
  async #isOneGone(
    { edits }: DcsWrite,
    limits: DcsLimits,
  ): Promise<boolean> {
    const sessions = edits.flatMap((edit) =>
      edit.kind === "put" && edit.session !== null ? [edit.session] : []
    );
    const looks = [...new Set(sessions)].map((id) =>
      this.#api.hasSession(id, limits)
    );
    return (await Promise.all(looks)).includes(false);
  }

  #noteMember(edits: readonly DcsEdit[]): void {
    const registrar = this.#registrar;
    const own = edits.find(({ key }) => key === registrar?.key);
    if (registrar === null || own?.kind !== "put") return;
    registrar.noteMember(own.value);
    registrar.tend();
  }

  /** One whose answer was lost may have happened, and is seen by the next read. */
  async #transact(plan: TxnPlan, limits: DcsLimits): Promise<TxnOutcome> {
    try {
      const outcome = await this.#api.transact(plan, limits);
      if (outcome.kind === "done") this.#reader.noteWrite(outcome.at);
      return outcome;
    } catch (error) {
      if (error instanceof DcsUnreachableError) this.#reader.noteWrite(null);
      throw error;
    }
  }

  #resultOf(
    outcome: Exclude<TxnOutcome, { readonly kind: "outdated" }>,
    { when, edits }: DcsWrite,
  ): DcsResult {
    const names = edits.map(({ key }) => `"${key}"`).join(", ");
    switch (outcome.kind) {
      case "done": {
        const { at } = outcome;
        this.#noteMember(edits);
        return { kind: "done", revision: at === null ? DELETED : revision(at) };
      }
      case "condition_failed":
        return outcome;
      case "session_gone":
        throw new SessionGoneError(
          `Cannot put ${names}: its session is not there any more`,
        );
      case "delayed":
        // The key is free to look at, but not yet to take: somebody may still
        // act on it.
        if (when.some(({ kind }) => kind === "absent")) {
          return { kind: "condition_failed" };
        }
        throw new DcsRefusedError(
          `Cannot put ${names} yet: the session that it hung on has ended, ` +
            "and Consul keeps it free for one ttl (lock delay)",
        );
      case "refused":
        throw new DcsRefusedError(
          `Consul does not put ${names}: ${outcome.why}`,
        );
    }
  }
}

function registrarOf(
  { member, access }: ConsulOptions,
  api: ConsulApi,
): Registrar | null {
  if (member === null) return null;
  const { scope, name, warn } = member;
  const settings = () => {
    const { service, token } = access();
    return { ...service, token };
  };
  return new Registrar({ api, scope, member: name, settings, warn });
}
