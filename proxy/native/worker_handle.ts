/** Control's side of one worker thread. */
import type { Log } from "../../lib/ports/log.ts";
import type { SessionRecord } from "../session_record.ts";
import type { Libc } from "./libc.ts";
import type {
  WorkerOrder,
  WorkerReport,
  WorkerStart,
} from "./worker_messages.ts";

/** What it is made of. */
interface WorkerHandleParts {
  readonly url: URL;
  readonly log: Log;
  readonly libc: Libc;
  readonly onSession: (record: SessionRecord) => void;
  readonly start: Omit<WorkerStart, "mail">;
}

/** What wakes a thread. Source: Linux manual, eventfd(2). */
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

/** Controls one worker thread. */
export class WorkerHandle {
  readonly #parts: WorkerHandleParts;
  readonly #worker: Worker;
  readonly #mail = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  readonly #loaded = Promise.withResolvers<void>();
  readonly #doorsClosed = Promise.withResolvers<void>();
  readonly #settled = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();

  constructor(parts: WorkerHandleParts) {
    this.#parts = parts;
    const name = `proxy worker ${parts.start.self}`;
    this.#worker = new Worker(parts.url, { type: "module", name });
    this.#worker.onmessage = (event: MessageEvent<WorkerReport>) =>
      this.#take(event.data);
    this.#worker.onerror = (event) => {
      // A bug of ours. A proxy with a dead thread must not go on as if nothing were.
      throw new Error(`A proxy thread failed: ${event.message}`);
    };
  }

  /** The thread has started. */
  get loaded(): Promise<void> {
    return this.#loaded.promise;
  }

  get doorsClosed(): Promise<void> {
    return this.#doorsClosed.promise;
  }

  /** After the doors were closed: the last session has ended. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Arrives in order, at once. */
  send(order: Exclude<WorkerOrder, WorkerStart>): void {
    this.announce();
    this.#post(order);
  }

  /** From now on the thread knows that something is on its way, which `sendAnnounced` must bring. */
  announce(): void {
    Atomics.add(new Int32Array(this.#mail), 0, 1);
  }

  sendAnnounced(order: Exclude<WorkerOrder, WorkerStart>): void {
    this.#post(order);
  }

  #post(order: WorkerOrder): void {
    this.#worker.postMessage(order);
    const { libc, start } = this.#parts;
    libc.write(start.wakeFds[start.self] ?? -1, ONE, ONE.length);
  }

  #take(report: WorkerReport): void {
    switch (report.type) {
      case "loaded":
        this.announce();
        this.#post({ ...this.#parts.start, mail: this.#mail });
        return this.#loaded.resolve();
      case "log":
        return this.#parts.log[report.level](report.message);
      case "session":
        return this.#parts.onSession(report.record);
      case "doors_closed":
        return this.#doorsClosed.resolve();
      case "settled":
        return this.#settled.resolve();
      case "ended":
        this.#worker.terminate();
        this.#doorsClosed.resolve();
        this.#settled.resolve();
        return this.#ended.resolve();
    }
  }
}
