/**
 * A server of documents in memory, with what networks and failovers do to one:
 * it can be frozen, lose answers, cut connections, and be replaced by a standby
 * that lacks the last saves.
 */
import type {
  DocumentSave,
  DocumentStore,
  Doorbell,
  StoredDocument,
} from "../../lib/dcs/document/document_store.ts";
import type { Clock } from "../../lib/ports/clock.ts";
import type { DcsLimits } from "../../lib/ports/dcs.ts";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";

/** What happens to the next saves of a client. */
export interface ClientFaults {
  /** The request arrives, and its answer does not. */
  isAnswerLost: boolean;
  /** Nothing arrives. */
  isCutOff: boolean;
  /** The connection is found broken at the next call, which has done nothing. */
  isBroken: boolean;
  /** The connection breaks at the next call, which has been done. */
  isBrokenAfter: boolean;
}

type Stored = NonNullable<StoredDocument["stored"]>;

/** One server. */
export class MemoryDocumentServer {
  readonly clock: Clock;
  readonly #documents = new Map<string, readonly Stored[]>();
  readonly #bells = new Set<(path: string, version: string) => void>();
  #lives = 1;
  readonly #hasEras: boolean;
  #gate: PromiseWithResolvers<void> | null = null;
  /** How many saves were done. */
  saves = 0;
  loads = 0;

  /** Without eras it does not say that it was replaced: a fault to be found. */
  constructor(clock: Clock, { hasEras = true } = {}) {
    this.clock = clock;
    this.#hasEras = hasEras;
  }

  get era(): string {
    return `memory/${this.#hasEras ? this.#lives : 1}`;
  }

  freeze(): void {
    this.#gate ??= Promise.withResolvers<void>();
  }

  thaw(): void {
    this.#gate?.resolve();
    this.#gate = null;
  }

  untilThawed(): Promise<void> {
    return this.#gate?.promise ?? Promise.resolve();
  }

  /** A standby takes over that lacks the last `lost` saves of each scope, but for its first. */
  failOver(lost: number): void {
    this.#lives += 1;
    for (const [path, all] of this.#documents) {
      this.#documents.set(path, all.slice(0, Math.max(1, all.length - lost)));
    }
  }

  /** Puts any text there, as somebody with access to the server might. */
  plant(path: string, stored: Stored): void {
    this.#documents.set(path, [...this.#all(path), stored]);
  }

  load(path: string): StoredDocument {
    this.loads += 1;
    return { stored: this.#all(path).at(-1) ?? null, era: this.era };
  }

  save(path: string, save: DocumentSave): "saved" | "outdated" {
    const { seen, era, version, text } = save;
    const now = this.#all(path).at(-1)?.version ?? null;
    if (now !== seen || era !== this.era) return "outdated";
    this.plant(path, { version, text });
    this.saves += 1;
    for (const bell of this.#bells) bell(path, version);
    return "saved";
  }

  onSave(bell: (path: string, version: string) => void): () => void {
    this.#bells.add(bell);
    return () => this.#bells.delete(bell);
  }

  #all(path: string): readonly Stored[] {
    return this.#documents.get(path) ?? [];
  }
}

/** One client's connection to it. */
export class MemoryDocumentStore implements DocumentStore {
  readonly name = "the memory server";
  readonly bytesMax = 1_000_000;
  readonly pollMs = 60_000;
  isSeenSafe = true;
  readonly faults: ClientFaults = {
    isAnswerLost: false,
    isCutOff: false,
    isBroken: false,
    isBrokenAfter: false,
  };
  readonly #server: MemoryDocumentServer;
  readonly #path: string;
  readonly #closing = new AbortController();
  readonly refusal: DocumentStore["refusal"];

  constructor(
    server: MemoryDocumentServer,
    path: string,
    refusal: DocumentStore["refusal"] = () => null,
  ) {
    this.#server = server;
    this.#path = path;
    this.refusal = refusal;
  }

  load(limits: DcsLimits): Promise<StoredDocument> {
    return this.#call(limits, () => this.#server.load(this.#path));
  }

  save(
    save: DocumentSave,
    limits: DcsLimits,
  ): Promise<"saved" | "outdated"> {
    return this.#call(limits, () => this.#server.save(this.#path, save));
  }

  listen(bell: Doorbell, signal: AbortSignal): void {
    const end = this.#server.onSave((path, version) => {
      if (path !== this.#path || this.faults.isCutOff) return;
      queueMicrotask(() => bell.ring(version));
    });
    signal.addEventListener("abort", end, { once: true });
  }

  close(): Promise<void> {
    this.#closing.abort();
    return Promise.resolve();
  }

  async #call<T>({ timeoutMs }: DcsLimits, request: () => T): Promise<T> {
    if (this.#closing.signal.aborted) throw unreachable("it is closed");
    if (this.faults.isBroken) {
      this.faults.isBroken = false;
      throw unreachable("the connection was broken");
    }
    if (this.faults.isBrokenAfter) {
      this.faults.isBrokenAfter = false;
      request();
      throw unreachable("the connection was broken");
    }
    const { clock } = this.#server;
    const arrived = new AbortController();
    let answer: { readonly value: T } | null = null;
    const send = async (): Promise<void> => {
      if (this.faults.isCutOff) return;
      await this.#server.untilThawed();
      const value = request();
      if (this.faults.isAnswerLost) return;
      answer = { value };
      arrived.abort("arrived");
    };
    void send();
    const wait = AbortSignal.any([arrived.signal, this.#closing.signal]);
    await clock.sleep(timeoutMs, wait);
    if (answer === null) throw unreachable("no answer in time");
    return (answer as { readonly value: T }).value;
  }
}

function unreachable(why: string): DcsUnreachableError {
  return new DcsUnreachableError(`Cannot reach the memory server: ${why}`);
}
