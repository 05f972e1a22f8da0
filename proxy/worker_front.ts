/**
 * The front of worker threads: opens the ports, starts the threads, hands them
 * the table. Bytes never pass through this thread, so control (DCS, agent,
 * statistics) and clients do not slow each other down.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Log } from "../lib/ports/log.ts";
import { errorText } from "./error_text.ts";
import type { Doorway, Front, FrontLimits, FrontTable } from "./front.ts";
import { Ledger, ledgerCells, type Route, ROUTES, SlotBook } from "./ledger.ts";
import { openPorts } from "./listener.ts";
import { sendDoors } from "./native/door_inbox.ts";
import { CallRing } from "./native/call_ring.ts";
import { FLAG, type Libc, loadLibc } from "./native/libc.ts";
import {
  adoptListener,
  listenNative,
  type NativeListener,
} from "./native/native_listener.ts";
import { WorkerHandle } from "./native/worker_handle.ts";

/** What it is made of. */
interface WorkerFrontParts {
  readonly log: Log;
  readonly limits: FrontLimits;
  readonly doorway: Doorway;
  /** The program of a thread. */
  readonly workerUrl: URL;
  /** How many threads. */
  readonly workers: number;
  /** Use io_uring where the kernel lets us. */
  readonly isRingWanted: boolean;
}

/** A front of worker threads. */
export class WorkerFront implements Front {
  readonly kind: string;
  readonly ports: Readonly<Record<Route, number>>;
  readonly ledger: Ledger;
  readonly #parts: WorkerFrontParts;
  readonly #libc: Libc;
  readonly #listeners: Readonly<Record<Route, readonly NativeListener[]>>;
  readonly #hasCallRing: boolean;
  readonly #fds: number[] = [];
  #workers: readonly WorkerHandle[] = [];
  #table: FrontTable | null = null;
  #hosts: Readonly<Record<string, readonly string[]>> = {};
  #isListening = true;

  private constructor(
    parts: WorkerFrontParts,
    libc: Libc,
    listeners: Readonly<Record<Route, readonly NativeListener[]>>,
  ) {
    this.#parts = parts;
    this.#libc = libc;
    this.#listeners = listeners;
    this.#hasCallRing = parts.isRingWanted && CallRing.isPossible(libc);
    const by = this.#hasCallRing ? "io_uring" : "epoll";
    this.kind = `workers (${parts.workers}, ${by})`;
    this.ports = {
      primary: listeners.primary[0]?.addr.port ?? 0,
      replica: listeners.replica[0]?.addr.port ?? 0,
    };
    const cells = ledgerCells(parts.workers);
    this.ledger = new Ledger({ cells, section: 0, book: new SlotBook() });
    this.#cells = cells;
  }

  readonly #cells: SharedArrayBuffer;
  /** The last table that the threads got, as text. */
  #sent = "";

  /**
   * @returns Null where the C library cannot be called.
   * @throws {ProxyStartError} If a port cannot be opened; none stays open.
   */
  static async open(parts: WorkerFrontParts): Promise<WorkerFront | null> {
    const libc = loadLibc();
    if (libc === null) return null;
    const opened: NativeListener[] = [];
    const open = async (route: Route): Promise<readonly NativeListener[]> => {
      const doors = await openDoors(libc, parts.doorway, route);
      opened.push(...doors);
      return doors;
    };
    try {
      const primary = await open("primary");
      const replica = await open("replica");
      const used = opened.map(({ fd }) => fd);
      for (const fd of parts.doorway.inherited) {
        if (!used.includes(fd)) libc.close(fd);
      }
      const front = new WorkerFront(parts, libc, { primary, replica });
      await front.#start();
      return front;
    } catch (error) {
      for (const listener of opened) listener.close();
      libc.unload();
      throw error;
    }
  }

  setTable(table: FrontTable): void {
    this.#table = table;
    this.#sendTable();
    this.#resolveHosts(table);
  }

  shareDoors(inbox: string): void {
    const doors = ROUTES.flatMap((route) =>
      this.#listeners[route].map(({ fd }) => fd)
    );
    if (this.#isListening) sendDoors(this.#libc, inbox, doors);
  }

  openLateDoors(): Promise<void> {
    return Promise.resolve();
  }

  closeDoors(): void {
    for (const worker of this.#workers) worker.send({ type: "close_doors" });
    Promise.all(this.#workers.map((worker) => worker.doorsClosed))
      .then(() => this.#closeListeners());
  }

  async settled(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.settled));
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) worker.send({ type: "end" });
    await Promise.all(this.#workers.map((worker) => worker.ended));
    this.#closeListeners();
    for (const fd of this.#fds) this.#libc.close(fd);
    this.#libc.unload();
  }

  async #start(): Promise<void> {
    const { limits, log, workers, workerUrl } = this.#parts;
    const libc = this.#libc;
    const inboxes = Array.from({ length: workers }, () => this.#pipe());
    const listeners = ROUTES.flatMap((route) =>
      this.#listeners[route].map(({ fd }) => ({ route, fd }))
    );
    this.#workers = inboxes.map((inbox, self) => {
      const wakeFd = libc.eventfd(0, FLAG.nonBlocking | FLAG.closeOnExec);
      this.#fds.push(wakeFd);
      return new WorkerHandle({
        url: workerUrl,
        log,
        libc,
        start: {
          ...{ type: "start", self, wakeFd, listeners, limits },
          hasCallRing: this.#hasCallRing,
          cells: this.#cells,
          inbox: inbox.readEnd,
          inboxes: inboxes.map((one) => one.writeEnd),
        },
      });
    });
    await Promise.all(this.#workers.map((worker) => worker.loaded));
  }

  #pipe(): { readonly readEnd: number; readonly writeEnd: number } {
    const ends = new Int32Array(2);
    this.#libc.pipe2(ends, FLAG.nonBlocking | FLAG.closeOnExec);
    const [readEnd = -1, writeEnd = -1] = ends;
    this.#fds.push(readEnd, writeEnd);
    return { readEnd, writeEnd };
  }

  #sendTable(): void {
    const table = this.#table;
    if (table === null) return;
    const { book } = this.ledger;
    for (const { route, backend } of backendsOf(table)) {
      book.slotOf(route, backend);
    }
    const slots = book.entries();
    const hosts = { ...numericHosts(table), ...this.#hosts };
    // A table that says nothing new need not wake the threads.
    const text = textOf([table, slots, hosts]);
    if (text === this.#sent) return;
    this.#sent = text;
    for (const worker of this.#workers) {
      worker.send({ type: "table", table, slots, hosts });
    }
  }

  /** Names are looked up here, as often as the table is made; the last answer counts. */
  async #resolveHosts(table: FrontTable): Promise<void> {
    const names = new Set(
      backendsOf(table).map(({ backend }) => backend.host)
        .filter((host) => isIP(host) === 0),
    );
    let isChanged = false;
    for (const name of names) {
      try {
        const found = await lookup(name, { all: true });
        const addresses = found.map(({ address }) => address);
        if (`${this.#hosts[name]}` === `${addresses}`) continue;
        this.#hosts = { ...this.#hosts, [name]: addresses };
        isChanged = true;
      } catch (error) {
        const message = `Cannot look up ${name}: ${errorText(error)}`;
        this.#parts.log.warning(message, { error });
      }
    }
    if (isChanged && this.#isListening) this.#sendTable();
  }

  #closeListeners(): void {
    if (!this.#isListening) return;
    this.#isListening = false;
    for (const route of ROUTES) {
      for (const listener of this.#listeners[route]) listener.close();
    }
  }
}

async function openDoors(
  libc: Libc,
  doorway: Doorway,
  route: Route,
): Promise<readonly NativeListener[]> {
  const numeric = new Map<string, string>();
  for (const host of doorway.listen) {
    if (host === "*" || isIP(host) !== 0) continue;
    const found = await lookup(host).catch(() => null);
    if (found !== null) numeric.set(host, found.address);
  }
  const uses = doorway.listen.map((hostname) => ({
    setting: `${route}_port`,
    hostname,
    port: doorway.ports[route],
  }));
  const { inherited, isTakeOver: isShared } = doorway;
  return openPorts(uses, (host, port) => {
    const ip = numeric.get(host) ?? host;
    return adoptListener(ip, port, { libc, inherited }) ??
      listenNative(ip, port, { libc, isShared });
  });
}

/** The facts of an exclusion may be numbers that JSON has no form for. */
function textOf(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, one) => typeof one === "bigint" ? `${one}` : one,
  );
}

function backendsOf({ routes }: FrontTable) {
  const primary = [routes.primary, routes.primaryResting]
    .flatMap((backend) => backend ?? []);
  const replica = [
    ...routes.replicas,
    ...routes.spares.flat(),
    ...routes.resting,
  ];
  return [
    ...primary.map((backend) => ({ route: "primary", backend } as const)),
    ...replica.map((backend) => ({ route: "replica", backend } as const)),
  ];
}

function numericHosts(
  table: FrontTable,
): Readonly<Record<string, readonly string[]>> {
  const hosts = backendsOf(table).map(({ backend }) => backend.host)
    .filter((host) => isIP(host) !== 0);
  return Object.fromEntries(hosts.map((host) => [host, [host]]));
}
