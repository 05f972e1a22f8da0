/**
 * Scopes on Redis or Valkey: one hash per scope, changed only while it has the
 * version that was seen. On a server with replicas a save counts once enough of
 * them have it.
 */
import { after, remainingMs } from "../../core/base/units.ts";
import type {
  DocumentSave,
  DocumentStore,
  Doorbell,
  StoredDocument,
} from "../../dcs/document/document_store.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";
import { type RedisOptions, textOf } from "./options.ts";
import { RedisConnections } from "./redis_connections.ts";
import type { Command, RedisSession } from "./redis_session.ts";
import { LOAD, loadedOf, SAVE } from "./scripts.ts";

/** A frozen server publishes nothing; this finds out. */
const POLL_MS = 5000;
/** Each change writes all of it to the disk and to each replica. */
const BYTES_MAX = 1 << 20;

/** One scope. */
export class RedisDocumentStore implements DocumentStore {
  readonly name: string;
  readonly bytesMax = BYTES_MAX;
  readonly pollMs = POLL_MS;
  /** With replicas a change is seen before they have it. */
  readonly isSeenSafe: boolean;
  readonly #options: RedisOptions;
  readonly #key: string;
  readonly #channel: string;
  readonly #connections: RedisConnections;
  readonly #sessions: RedisConnections["sessions"];
  readonly #bells = new Set<Doorbell>();

  /** @throws {Error} If a TLS file cannot be read. */
  constructor(options: RedisOptions) {
    const { hosts, scopePath, database } = options;
    this.name = `Redis at ${hosts.map(textOf).join(", ")}`;
    this.#options = options;
    this.isSeenSafe = !options.isLossAccepted;
    this.#key = `matriarch:{${scopePath}}`;
    // Channels are the same for all databases of a server.
    this.#channel = `${this.#key}@${database}`;
    this.#connections = new RedisConnections({
      ...{ options, channel: this.#channel },
      onBell: (version) => {
        for (const bell of this.#bells) bell.ring(version);
      },
    });
    this.#sessions = this.#connections.sessions;
  }

  async load(limits: DcsLimits): Promise<StoredDocument> {
    const [session, left] = await this.#begin(limits);
    const ask: Command = ["EVAL", LOAD, 1, this.#key];
    const [answer] = await session.run([ask], left());
    const loaded = loadedOf(answer);
    if (loaded === null) {
      throw new DcsRefusedError(
        `What Redis at ${session.where} has for the scope is not ours`,
      );
    }
    const { era, stored, replicas } = loaded;
    this.#judgeReplicas(session, replicas);
    return { era, stored };
  }

  async save(
    { seen, version, text, era }: DocumentSave,
    limits: DcsLimits,
  ): Promise<"saved" | "outdated"> {
    const [session, left] = await this.#begin(limits);
    const words = [seen ?? "", version, text, era, this.#channel];
    const save: Command = ["EVAL", SAVE, 1, this.#key, ...words];
    const { acks } = session;
    if (acks === null) {
      const [answer] = await session.run([save], left());
      return answer === "saved" ? "saved" : "outdated";
    }
    // The same connection, or it would wait for nothing.
    const { timeoutMs } = left();
    const wait: Command = [
      "WAIT",
      acks,
      Math.max(1, Math.floor(timeoutMs / 2)),
    ];
    const [answer, count] = await session.run([save, wait], left());
    if (answer !== "saved") return "outdated";
    if (Number(count) >= acks) return "saved";
    throw new DcsUnreachableError(
      `Redis at ${session.where} has ${Number(count)} replicas that took the ` +
        `change in time, and ${acks} must have it`,
    );
  }

  listen(bell: Doorbell, signal: AbortSignal): void {
    this.#bells.add(bell);
    signal.addEventListener("abort", () => this.#bells.delete(bell), {
      once: true,
    });
  }

  refusal(): string | null {
    return null;
  }

  async close(): Promise<void> {
    this.#bells.clear();
    await this.#sessions.close();
    await this.#connections.ended();
  }

  async #begin(
    { timeoutMs }: DcsLimits,
  ): Promise<[RedisSession, () => DcsLimits]> {
    const { clock } = this.#options;
    const deadline = after(clock.now(), timeoutMs);
    const session = await this.#sessions.opened({ timeoutMs });
    return [session, () => ({
      timeoutMs: Math.max(1, remainingMs(deadline, clock.now())),
    })];
  }

  /** One that got its first replica later is looked at like a new one. */
  #judgeReplicas(session: RedisSession, replicas: number): void {
    if (replicas === 0 || session.acks !== null) return;
    this.#sessions.forget(session);
    void session.close();
    throw new DcsUnreachableError(
      `Redis at ${session.where} has got a replica since it was looked at`,
    );
  }
}
