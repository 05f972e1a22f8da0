/**
 * The main file of a worker thread: connects loop, sessions and acceptor, and does
 * what control says. It makes no decisions of its own.
 */
/// <reference lib="deno.worker" />
import type { Log } from "../../lib/ports/log.ts";
import { Sessions } from "../sessions.ts";
import { Ledger } from "../ledger.ts";
import { SlotBook } from "../slot_book.ts";
import { ServerPlaces } from "../server_places.ts";
import { Acceptor } from "./acceptor.ts";
import { BulkFlows } from "./bulk_flows.ts";
import { CallRing } from "./call_ring.ts";
import { EventLoop } from "./event_loop.ts";
import { LoopClock } from "./loop_clock.ts";
import { type Libc, loadLibc, READY } from "./libc.ts";
import { NativeDialer } from "./native_dialer.ts";
import { NativePlane } from "./native_plane.ts";
import { RelayBatch } from "./relay_batch.ts";
import { BUFFER_BYTES } from "./relay_side.ts";
import type {
  WorkerOrder,
  WorkerReport,
  WorkerStart,
} from "./worker_messages.ts";

declare const self: DedicatedWorkerGlobalScope;

function report(message: WorkerReport): void {
  self.postMessage(message);
}

/** Lines go to control, which has the log. */
class ReportedLog implements Log {
  debug(message: string): void {
    report({ type: "log", level: "debug", message });
  }
  info(message: string): void {
    report({ type: "log", level: "info", message });
  }
  warning(message: string): void {
    report({ type: "log", level: "warning", message });
  }
  error(message: string): void {
    report({ type: "log", level: "error", message });
  }
  critical(message: string): void {
    report({ type: "log", level: "critical", message });
  }
}

/** A place on a server may be free for a client of theirs. */
function wakeOthers(libc: Libc, { self, wakeFds }: WorkerStart): void {
  const one = new Uint8Array(new BigUint64Array([1n]).buffer);
  for (const [thread, fd] of wakeFds.entries()) {
    if (thread !== self) libc.write(fd, one, one.length);
  }
}

/** Runs one worker thread. */
class WorkerThread {
  readonly #book = new SlotBook();
  readonly #loop: EventLoop;
  readonly #sessions: Sessions;
  readonly #places: ServerPlaces;
  readonly #acceptor: Acceptor;
  readonly #ring: CallRing | null;
  #hosts: Readonly<Record<string, readonly string[]>> = {};
  #received = 1;

  constructor(libc: Libc, start: WorkerStart) {
    const mail = new Int32Array(start.mail);
    const hasMail = (): boolean => Atomics.load(mail, 0) !== this.#received;
    const loop = new EventLoop(libc, hasMail);
    this.#loop = loop;
    this.#ring = start.hasCallRing ? CallRing.open(libc) : null;
    const batch = this.#ring && new RelayBatch(this.#ring);
    if (batch !== null) loop.afterEvents(() => batch.run());
    const log = new ReportedLog();
    const { cells, self: section } = start;
    const routes = start.limits.doors.map(({ name }) => name);
    const ledger = new Ledger({ cells, section, book: this.#book, routes });
    const places = this.#places = new ServerPlaces({
      cells: start.places,
      section,
      routes,
      terms: start.limits.places,
      wakeOthers: () => wakeOthers(libc, start),
      isStale: hasMail,
    });
    const clock = new LoopClock(loop);
    const world = { libc, loop, clock };
    this.#sessions = new Sessions({
      clock,
      log,
      ledger,
      places,
      limits: start.limits,
      onSession: (record) => report({ type: "session", record }),
      dialer: new NativeDialer(
        { ...world, tcp: start.limits.tcp },
        (host) => this.#hosts[host] ?? [],
      ),
      plane: new NativePlane({
        ...world,
        turnHoldMs: start.limits.turnHoldMs,
        flows: new BulkFlows(libc, loop),
        buffer: new Uint8Array(BUFFER_BYTES),
        batch,
      }),
    });
    this.#acceptor = new Acceptor({
      ...world,
      ...start,
      log,
      ledger,
      sessions: this.#sessions,
    });
    const wake = new Uint8Array(8);
    const wakeFd = start.wakeFds[section] ?? -1;
    loop.watch(wakeFd, READY.in, {
      onReady: () => {
        libc.read(wakeFd, wake, wake.length);
        places.look();
        loop.touch();
      },
    });
  }

  async run(): Promise<void> {
    await this.#loop.run();
    this.#ring?.close();
    report({ type: "ended" });
    self.close();
  }

  take(order: Exclude<WorkerOrder, WorkerStart>): void {
    this.#received++;
    switch (order.type) {
      case "table":
        this.#book.learn(order.slots);
        this.#hosts = order.hosts;
        this.#sessions.setTable(order.table);
        this.#acceptor.openDoors();
        break;
      case "close_doors":
        this.#closeDoors();
        break;
      case "end":
        this.#end();
    }
    this.#places.look();
    this.#loop.touch();
  }

  async #closeDoors(): Promise<void> {
    this.#acceptor.closeDoors();
    report({ type: "doors_closed" });
    await this.#sessions.settled();
    report({ type: "settled" });
  }

  async #end(): Promise<void> {
    this.#acceptor.close();
    this.#sessions.endAll();
    await this.#sessions.settled();
    this.#loop.stop();
  }
}

/**
 * Drops what only the start needed, 2 MB; there only if the engine was told so.
 * Control does it for itself later; here nobody may wait for it, so it is done
 * before a door opens.
 */
function collectGarbage(): void {
  const collect: unknown = Reflect.get(globalThis, "gc");
  if (typeof collect !== "function") return;
  collect({ type: "major", execution: "sync", flavor: "last-resort" });
}

const libc = loadLibc();
let thread: WorkerThread | null = null;
self.onmessage = (event: MessageEvent<WorkerOrder>) => {
  const order = event.data;
  if (order.type !== "start") return thread?.take(order);
  if (libc === null) throw new Error("The C library cannot be called");
  thread = new WorkerThread(libc, order);
  collectGarbage();
  thread.run();
};
report({ type: "loaded" });
