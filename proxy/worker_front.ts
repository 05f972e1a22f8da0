/**
 * The front of worker threads: opens the ports, starts the threads, hands them
 * the table. Bytes never pass through this thread, so control (DCS, agent,
 * statistics) and clients do not slow each other down.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import { errorText } from "./error_text.ts";
import type { Doorway, Front, FrontLimits, FrontTable } from "./front.ts";
import { portRoutes } from "../lib/core/calc/host/port_routes.ts";
import { type DoorSpec, type PerDoor, perDoor, type Route } from "./doors.ts";
import { Ledger, ledgerCells } from "./ledger.ts";
import { SlotBook } from "./slot_book.ts";
import type { SessionRecord } from "./session_record.ts";
import { placeCells } from "./server_places.ts";
import { sendDoors } from "./native/door_inbox.ts";
import { CallRing } from "./native/call_ring.ts";
import { FLAG, type Libc, loadLibc } from "./native/libc.ts";
import type { NativeListener } from "./native/native_listener.ts";
import type { UnixListener } from "./native/unix_listener.ts";
import type { TlsArrival, TlsDoors } from "./tls_doors.ts";
import { acceptHere, openTls } from "./tls_listener.ts";
import { removeStale } from "./unix_doors.ts";
import { WorkerHandle } from "./native/worker_handle.ts";
import { allOf, nothingOpen, openAll, type Opened } from "./worker_doors.ts";

/** What it is made of. */
interface WorkerFrontParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: FrontLimits;
  readonly doorway: Doorway;
  readonly onSession: (record: SessionRecord) => void;
  /** The program of a thread. */
  readonly workerUrl: URL;
  /** How many threads. */
  readonly workers: number;
  /** Use io_uring where the kernel lets us. */
  readonly isRingWanted: boolean;
}

/** What counts, and how it is shared. */
interface Counting {
  readonly cells: SharedArrayBuffer;
  readonly ledger: Ledger;
}

/** A front of worker threads. */
export class WorkerFront implements Front {
  readonly kind: string;
  readonly ports: PerDoor<number>;
  readonly ledger: Ledger;
  readonly #parts: WorkerFrontParts;
  readonly #libc: Libc;
  readonly #listeners: ReadonlyMap<Route, readonly NativeListener[]>;
  readonly #sockets: ReadonlyMap<Route, UnixListener>;
  readonly #inner: ReadonlyMap<Route, UnixListener>;
  readonly #tls: TlsDoors | null;
  /** They accept in this thread. */
  readonly #accepting: { close(): void }[] = [];
  readonly #hasCallRing: boolean;
  readonly #fds: number[] = [];
  #workers: readonly WorkerHandle[] = [];
  #table: FrontTable | null = null;
  #hosts: Readonly<Record<string, readonly string[]>> = {};
  #isListening = true;

  private constructor(
    parts: WorkerFrontParts,
    libc: Libc,
    { listeners, sockets, inner, tls, cells, ledger }:
      & Opened
      & Counting
      & { readonly tls: TlsDoors | null },
  ) {
    this.#parts = parts;
    this.#libc = libc;
    this.#listeners = listeners;
    this.#sockets = sockets;
    this.#inner = inner;
    this.#tls = tls;
    this.#hasCallRing = parts.isRingWanted && CallRing.isPossible(libc);
    const by = this.#hasCallRing ? "io_uring" : "epoll";
    this.kind = `workers (${parts.workers}, ${by})`;
    const { doors } = parts.doorway;
    const specOf = (name: string) => doors.find((door) => door.name === name);
    this.ports = perDoor(
      doors.map(({ name }) => name),
      (name) => listeners.get(name)?.[0]?.addr.port ?? specOf(name)?.port ?? 0,
    );
    this.ledger = ledger;
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
    const counting = countingFor(parts);
    const opened = nothingOpen();
    let tls: TlsDoors | null = null;
    try {
      tls = await openTls({ ...parts, ...counting });
      for (const door of parts.doorway.doors) {
        await openAll({ ...parts, libc, tls, opened }, door);
      }
      const used = allOf(opened).map(({ fd }) => fd);
      for (const fd of parts.doorway.inherited) {
        if (!used.includes(fd)) libc.close(fd);
      }
      const made = { ...opened, ...counting, tls };
      const front = new WorkerFront(parts, libc, made);
      await front.#start();
      return front;
    } catch (error) {
      for (const listener of allOf(opened)) listener.close();
      for (const { path } of opened.sockets.values()) await removeStale(path);
      await tls?.close();
      libc.unload();
      throw error;
    }
  }

  setTable(table: FrontTable): void {
    this.#table = table;
    this.#sendTable();
    this.#resolveHosts(table);
    if (this.#accepting.length === 0 && this.#isListening) this.#acceptTls();
  }

  shareDoors(inbox: string): void {
    const doors = [
      ...[...this.#listeners.values()].flat(),
      ...this.#sockets.values(),
    ].map(({ fd }) => fd);
    if (this.#isListening) sendDoors(this.#libc, inbox, doors);
  }

  openLateDoors(): Promise<void> {
    return Promise.resolve();
  }

  closeDoors(): void {
    for (const one of this.#accepting) one.close();
    for (const worker of this.#workers) worker.send({ type: "close_doors" });
    Promise.all(this.#workers.map((worker) => worker.doorsClosed))
      .then(() => this.#closeListeners());
  }

  async settled(): Promise<void> {
    await this.#tls?.settled();
    await Promise.all(this.#workers.map((worker) => worker.settled));
  }

  async close(): Promise<void> {
    for (const one of this.#accepting.splice(0)) one.close();
    await this.#tls?.close();
    for (const worker of this.#workers) worker.send({ type: "end" });
    await Promise.all(this.#workers.map((worker) => worker.ended));
    this.#closeListeners();
    for (const inner of this.#inner.values()) inner.close();
    // A successor may listen there.
    for (const { path } of this.#sockets.values()) await removeStale(path);
    for (const fd of this.#fds) this.#libc.close(fd);
    this.#libc.unload();
  }

  /** Clients of TLS; nobody is let in before there are routes. */
  #acceptTls(): void {
    const { doorway, log } = this.#parts;
    for (const port of doorway.tlsPorts) {
      for (const { fd } of this.#listeners.get(port.door) ?? []) {
        const onClient = (arrival: TlsArrival) => {
          this.#tls?.admit(port, arrival);
        };
        const own = this.#libc.dup(fd);
        this.#accepting.push(acceptHere(own, { log, onClient }));
      }
    }
  }

  async #start(): Promise<void> {
    const { limits, log, onSession, workers, workerUrl } = this.#parts;
    const libc = this.#libc;
    const inboxes = Array.from({ length: workers }, () => this.#pipe());
    const { doors } = this.#parts.doorway;
    const places = placeCells(workers, doors.map(({ name }) => name));
    const wakeFds = inboxes.map(() =>
      libc.eventfd(0, FLAG.nonBlocking | FLAG.closeOnExec)
    );
    this.#fds.push(...wakeFds);
    const isOuter = (route: Route): boolean => !this.#inner.has(route);
    const listeners = [
      ...[...this.#listeners].filter(([route]) => isOuter(route))
        .flatMap(([route, some]) =>
          some.map(({ fd }) => ({ route, fd, isInner: false }))
        ),
      ...[...this.#sockets].map(([route, { fd }]) => ({
        ...{ route, fd, isInner: false },
      })),
      ...[...this.#inner].map(([route, { fd }]) => ({
        ...{ route, fd, isInner: true },
      })),
    ];
    this.#workers = inboxes.map((inbox, self) =>
      new WorkerHandle({
        url: workerUrl,
        log,
        onSession,
        libc,
        start: {
          ...{ type: "start", self, wakeFds, listeners, limits, places },
          hasCallRing: this.#hasCallRing,
          cells: this.#cells,
          inbox: inbox.readEnd,
          inboxes: inboxes.map((one) => one.writeEnd),
        },
      })
    );
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
    const { doors } = this.#parts.doorway;
    for (const { route, backend } of backendsOf(table, doors)) {
      book.slotOf(route, backend);
    }
    const slots = book.entries();
    const hosts = { ...numericHosts(table, doors), ...this.#hosts };
    // A table that says nothing new need not wake the threads.
    const text = textOf([table, slots, hosts]);
    if (text === this.#sent) return;
    this.#sent = text;
    // No thread may lead a client by the old table because another has the new one.
    for (const worker of this.#workers) worker.announce();
    for (const worker of this.#workers) {
      worker.sendAnnounced({ type: "table", table, slots, hosts });
    }
  }

  /** Names are looked up here, as often as the table is made; the last answer counts. */
  async #resolveHosts(table: FrontTable): Promise<void> {
    const names = new Set(
      backendsOf(table, this.#parts.doorway.doors)
        .map(({ backend }) => backend.host)
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
    for (const listeners of this.#listeners.values()) {
      for (const listener of listeners) listener.close();
    }
    for (const socket of this.#sockets.values()) socket.close();
  }
}

/** One section for each worker, and one for this thread. */
function countingFor(
  { doorway, workers }: Pick<WorkerFrontParts, "doorway" | "workers">,
): Counting {
  const routes = doorway.doors.map(({ name }) => name);
  const cells = ledgerCells(workers + 1, routes);
  const book = new SlotBook();
  return {
    cells,
    ledger: new Ledger({ cells, section: workers, book, routes }),
  };
}

/** The facts of an exclusion may be numbers that JSON has no form for. */
function textOf(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, one) => typeof one === "bigint" ? `${one}` : one,
  );
}

function backendsOf({ routes }: FrontTable, doors: readonly DoorSpec[]) {
  return doors.flatMap(({ name: route, rule }) => {
    const { tiers, resting } = portRoutes(routes, rule);
    // Another proxy's clients come for a sealed one by the read-only port.
    const { leaderReads } = routes;
    const hop = leaderReads?.isStandby ? [leaderReads.backend] : [];
    return [...tiers.flat(), ...resting, ...hop]
      .map((backend) => ({ route, backend }));
  });
}

function numericHosts(
  table: FrontTable,
  doors: readonly DoorSpec[],
): Readonly<Record<string, readonly string[]>> {
  const hosts = backendsOf(table, doors).map(({ backend }) => backend.host)
    .filter((host) => isIP(host) !== 0);
  return Object.fromEntries(hosts.map((host) => [host, [host]]));
}
