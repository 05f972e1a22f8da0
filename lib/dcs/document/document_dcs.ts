/**
 * Port Dcs on a server that keeps one document per scope: what each call makes of
 * the document, and whose session is whose. The server only compares and saves.
 *
 * Never renews a session by itself.
 */
import {
  after,
  type Moment,
  type Revision,
  type SessionId,
  sessionId,
} from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type {
  Dcs,
  DcsCapabilities,
  DcsLimits,
  DcsListener,
  DcsResult,
  DcsSession,
  DcsSnapshot,
  DcsWrite,
  RenewAnswer,
} from "../../ports/dcs.ts";
import { SessionGoneError } from "../../ports/errors.ts";
import type { Random } from "../../ports/random.ts";
import { DocumentChanger } from "./document_changer.ts";
import type { DocumentStore } from "./document_store.ts";
import { randomHex } from "./document_version.ts";
import { DocumentView } from "./document_view.ts";
import { DocumentWatcher } from "./document_watcher.ts";
import {
  entriesOf,
  openSession,
  renewSession,
  withoutKeys,
  withoutSession,
  write,
} from "./scope_document.ts";

const CAPABILITIES: Omit<DcsCapabilities, "mayForget"> = {
  hasTransactions: true,
  isSnapshotAtomic: true,
  expiry: "observers",
  ttlMinMs: 1000,
};

/** What it runs on. */
export interface DocumentDcsOptions {
  readonly store: DocumentStore;
  readonly clock: Clock;
  readonly random: Random;
  /** Its own failover may lose writes that it has confirmed; true if nobody says that not. */
  readonly mayForget?: boolean;
  /** For the log; absent: a tool, which has none. */
  readonly warn?: (text: string) => void;
}

interface HeldSession extends DcsSession {
  /** If nothing renews it; counted from before the last renewal was asked for. */
  readonly endsAt: Moment;
}

/** One process's client of one scope. */
export class DocumentDcs implements Dcs {
  readonly capabilities: DcsCapabilities;
  readonly #options: DocumentDcsOptions;
  readonly #view: DocumentView;
  readonly #changer: DocumentChanger;
  readonly #watcher: DocumentWatcher;
  /** The session that this process opened last. */
  #held: HeldSession | null = null;

  constructor(options: DocumentDcsOptions) {
    const { store, clock, random, warn = () => {} } = options;
    const { mayForget = true } = options;
    this.capabilities = { ...CAPABILITIES, mayForget };
    this.#options = options;
    const view = new DocumentView({ store, clock }, (now, before) => {
      this.#watcher.hear(now, before);
    });
    this.#view = view;
    const ttlMs = () => this.#held?.ttlMs ?? null;
    this.#changer = new DocumentChanger({
      ...{ store, view, clock, random, warn, ttlMs },
    });
    const look = (limits: DcsLimits) => this.#changer.fresh(limits);
    this.#watcher = new DocumentWatcher({ store, view, clock, look });
  }

  read(limits: DcsLimits): Promise<DcsSnapshot> {
    return this.readFresh(limits);
  }

  async readFresh(limits: DcsLimits): Promise<DcsSnapshot> {
    const document = await this.#changer.fresh(limits);
    const id = this.#held?.id ?? null;
    const isSound = id !== null && !this.#view.isBroken(id);
    return { entries: entriesOf(document, isSound ? id : null) };
  }

  async write(given: DcsWrite, limits: DcsLimits): Promise<DcsResult> {
    const answer = await this.#changer.change(
      (document, version) => write(document, given, version),
      limits,
    );
    if (answer.kind !== "session_gone") return answer;
    throw new SessionGoneError(
      `Cannot put "${answer.key}": its session is not there any more`,
    );
  }

  async removeScope(limits: DcsLimits): Promise<void> {
    await this.#changer.change((document) => ({
      document: withoutKeys(document),
      answer: null,
    }), limits);
  }

  async openSession(ttlMs: number, limits: DcsLimits): Promise<DcsSession> {
    const id = sessionId(randomHex(this.#options.random));
    const endsAt = after(this.#options.clock.now(), ttlMs);
    await this.#changer.change((document, version: Revision) => ({
      document: openSession(document, id, { renewals: version, ttlMs }),
      answer: null,
    }), limits);
    this.#held = { id, ttlMs, endsAt };
    return { id, ttlMs };
  }

  async renewSession(id: SessionId, limits: DcsLimits): Promise<RenewAnswer> {
    const now = this.#options.clock.now();
    const held = this.#held?.id === id ? this.#held : null;
    const answer = await this.#changer.change<RenewAnswer>(
      (document, version) =>
        this.#isLost(id, now)
          ? { document: withoutSession(document, id), answer: "gone" }
          : renewSession(document, id, version),
      limits,
    );
    if (answer === "alive" && held !== null && this.#held === held) {
      this.#held = { ...held, endsAt: after(now, held.ttlMs) };
    }
    return answer;
  }

  /**
   * A session that is there and that its holder has lost all the same. Its time
   * may be over without anybody having ended it, or the server has forgotten who
   * did.
   */
  #isLost(id: SessionId, now: Moment): boolean {
    const isOver = this.#held?.id === id && this.#held.endsAt <= now;
    return isOver || this.#view.isBroken(id);
  }

  watch(listener: DcsListener, signal: AbortSignal): void {
    this.#watcher.add(listener, signal);
  }

  async close(): Promise<void> {
    const closed = this.#watcher.close();
    await this.#options.store.close();
    await closed;
  }
}
