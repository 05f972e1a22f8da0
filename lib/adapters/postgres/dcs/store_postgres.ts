/**
 * Scopes on a PostgreSQL of their own: one row per scope, changed only while it
 * has the version that was seen. A save that is confirmed is on the server's
 * disk, and on that of its synchronous standbys.
 */
import type {
  DocumentSave,
  DocumentStore,
  Doorbell,
  StoredDocument,
} from "../../../dcs/document/document_store.ts";
import { after, remainingMs } from "../../../core/base/units.ts";
import type { DcsLimits } from "../../../ports/dcs.ts";
import { DcsRefusedError } from "../../../ports/errors.ts";
import type { Rows } from "../session/sql.ts";
import { isMissing } from "./errors.ts";
import type { PostgresStoreOptions } from "./options.ts";
import { eraOf } from "./server_facts.ts";
import { type Statements, statementsOf } from "./statements.ts";
import { type StoreSession, storeSessions } from "./store_session.ts";

/** A frozen server sends no notification; this finds out. */
const POLL_MS = 5000;
/** Far below what PostgreSQL could hold: each change writes all of it. */
const BYTES_MAX = 4 << 20;

/** One scope. */
export class PostgresDocumentStore implements DocumentStore {
  readonly name: string;
  readonly bytesMax = BYTES_MAX;
  readonly pollMs = POLL_MS;
  // Nobody sees a change for which the server still waits for a standby.
  readonly isSeenSafe = true;
  readonly #options: PostgresStoreOptions;
  readonly #statements: Statements;
  readonly #sessions: ReturnType<typeof storeSessions>;
  readonly #bells = new Set<Doorbell>();

  constructor(options: PostgresStoreOptions) {
    const { hosts, schema, scopePath } = options;
    const names = hosts.map(({ host, port }) => `${host}:${port}`).join(", ");
    this.name = `PostgreSQL at ${names}`;
    this.#options = options;
    this.#statements = statementsOf(schema, scopePath);
    this.#sessions = storeSessions({
      ...{ options, statements: this.#statements },
      onBell: (version) => {
        for (const bell of this.#bells) bell.ring(version);
      },
    });
  }

  async load(limits: DcsLimits): Promise<StoredDocument> {
    const [session, left] = await this.#begin(limits);
    const era = eraOf(session.facts);
    try {
      const rows = await session.query(this.#statements.load, left());
      return { stored: storedOf(rows), era };
    } catch (error) {
      if (!isMissing(error)) throw error;
      if (this.#options.isMaker) return { stored: null, era };
      throw new DcsRefusedError(
        `PostgreSQL at ${session.where} has no scopes in the schema ` +
          `"${this.#options.schema}"; an agent makes it`,
        { cause: error },
      );
    }
  }

  async save(
    save: DocumentSave,
    limits: DcsLimits,
  ): Promise<"saved" | "outdated"> {
    const [session, left] = await this.#begin(limits);
    if (eraOf(session.facts) !== save.era) return "outdated";
    const text = this.#statements.save(save);
    try {
      return outcomeOf(await session.query(text, left()));
    } catch (error) {
      if (!isMissing(error) || !this.#options.isMaker) throw error;
      if (save.seen !== null) return "outdated";
    }
    await this.#make(session, left);
    return outcomeOf(await session.query(text, left()));
  }

  listen(bell: Doorbell, signal: AbortSignal): void {
    this.#bells.add(bell);
    signal.addEventListener("abort", () => this.#bells.delete(bell), {
      once: true,
    });
  }

  /** The member's own PostgreSQL writes for whoever leads, and stops with it. */
  refusal(
    document: { valueOf(key: string): string | null },
  ): string | null {
    const { current } = this.#sessions;
    const own = document.valueOf("initialize");
    if (current === null || own === null) return null;
    return own.trim() === current.facts.systemId
      ? `PostgreSQL at ${current.where} is this cluster's own (system ` +
        `identifier ${own.trim()}): a scope must be kept on another one`
      : null;
  }

  async close(): Promise<void> {
    this.#bells.clear();
    await this.#sessions.close();
  }

  async #begin(
    { timeoutMs }: DcsLimits,
  ): Promise<[StoreSession, () => DcsLimits]> {
    const { clock } = this.#options;
    const deadline = after(clock.now(), timeoutMs);
    const session = await this.#sessions.opened({ timeoutMs });
    return [session, () => ({
      timeoutMs: Math.max(1, remainingMs(deadline, clock.now())),
    })];
  }

  async #make(session: StoreSession, left: () => DcsLimits): Promise<void> {
    const { hasSchema, make } = this.#statements;
    const [row] = await session.query(hasSchema, left());
    await session.query(make(row?.["has_schema"] === true), left());
  }
}

function outcomeOf(rows: Rows): "saved" | "outdated" {
  return rows.length === 1 ? "saved" : "outdated";
}

function storedOf([row]: Rows): StoredDocument["stored"] {
  if (row === undefined) return null;
  const { version, document } = row;
  if (typeof version === "string" && typeof document === "string") {
    return { version, text: document };
  }
  // A table of somebody else's, or with other columns.
  throw new DcsRefusedError("The table of scopes has another form than ours");
}
