/**
 * One socket of a relayed session, and the bytes that come in through it. This
 * is the hot path: no promises, no allocation, one buffer for the whole thread.
 * A slow reader makes the other side stop reading, so a session never holds more
 * than one buffer per direction.
 */
import type { Clock } from "../../lib/ports/clock.ts";
import type { EventLoop, ReadyHandler } from "./event_loop.ts";
import type { BulkFlow, BulkFlows } from "./bulk_flows.ts";
import { ERRNO, FLAG, type Libc, READY } from "./libc.ts";
import type { NetSocket } from "./net_socket.ts";
import type { BatchSide, RelayBatch } from "./relay_batch.ts";
import type { Timer } from "./timers.ts";
import { Turns } from "../turns.ts";

/** Large enough for few calls, small enough to stay in the processor's cache. */
export const BUFFER_BYTES = 256 * 1024;
/** No descriptor. */
const NONE = -1;
/** So much in one direction without a word in the other is not dialogue any more. */
const BULK_BYTES = 4 * 1024 * 1024;

/** What relays of a thread share. */
export interface RelayWorld {
  readonly libc: Libc;
  readonly loop: EventLoop;
  readonly clock: Clock;
  readonly flows: BulkFlows;
  readonly buffer: Uint8Array<ArrayBuffer>;
  /** Null where the kernel makes one call at a time. */
  readonly batch: RelayBatch | null;
  /** How long a client's turn is held back. */
  readonly turnHoldMs: number;
}

/** Who decides what follows from the end of something. */
export interface RelaySideOwner {
  readonly isOver: boolean;
  /** The side's peer has ended its half, and all of that was passed on. */
  onEnd(side: RelaySide): void;
  onReadFailed(side: RelaySide): void;
  /** What `side` received cannot be delivered. */
  onWriteFailed(side: RelaySide): void;
}

/** One socket of a relayed session, and the bytes that come in through it. */
export class RelaySide implements ReadyHandler, BatchSide, BulkFlow {
  readonly socket: NetSocket;
  readonly fd: number;
  readonly #libc: Libc;
  readonly #world: RelayWorld;
  readonly #owner: RelaySideOwner;
  readonly #moved: (bytes: number) => void;
  #to: RelaySide | null = null;
  /** Received here, not yet taken by the other side. */
  #pending: Uint8Array<ArrayBuffer> | null = null;
  /** Received here since the other side last said something. */
  #streakBytes = 0;
  #isBulk = false;
  #hasFlowed = false;
  /** The last receive left something: more comes than the batch offers room for. */
  #isLong = false;
  #isReading = true;
  #isWriteWanted = false;
  /** Of a client whose turns are held; null otherwise. */
  #turns: Turns | null = null;
  /** The client waits for its turn. */
  #turnTimer: Timer | null = null;
  hasEnded = false;

  constructor(
    socket: NetSocket,
    world: RelayWorld,
    parts: {
      readonly owner: RelaySideOwner;
      readonly moved: (bytes: number) => void;
    },
  ) {
    this.socket = socket;
    this.fd = socket.fd;
    this.#libc = world.libc;
    this.#world = world;
    this.#owner = parts.owner;
    this.#moved = parts.moved;
  }

  /** Begins to pass on to `to`, first of all `early`, which is this side's now. */
  start(to: RelaySide, early: Uint8Array<ArrayBuffer>): void {
    this.#to = to;
    this.socket.seize(this);
    if (early.length > 0) {
      this.#moved(early.length);
      this.#pass(early);
    }
    if (!this.#owner.isOver) this.#watch();
  }

  onReady(events: number): void {
    if (this.#isWriteWanted && (events & ~READY.in) !== 0) {
      this.#to?.flush();
    }
    if (this.#owner.isOver) return;
    if (this.#isReading) {
      if ((events & ~READY.out) === 0) return;
      const { batch } = this.#world;
      if (batch !== null && this.isPlain) batch.join(this);
      else this.receive();
    } else if ((events & (READY.error | READY.hangUp)) !== 0) {
      // Told again and again otherwise; whoever next reads or writes will see.
      if (!this.#isWriteWanted) this.socket.watch(0);
    }
  }

  /** Delivers what waits; called when the other side can take more. */
  flush(): void {
    const pending = this.#pending;
    this.#pending = null;
    if (pending !== null) this.#pass(pending);
    if (this.#owner.isOver || this.#pending !== null) return;
    this.#to?.wantWrite({ isWanted: false });
    this.#read({ isReading: !this.hasEnded });
  }

  /** Whether to be called when this side can take more. */
  wantWrite({ isWanted }: { readonly isWanted: boolean }): void {
    if (isWanted === this.#isWriteWanted) return;
    this.#isWriteWanted = isWanted;
    this.#watch();
  }

  pulse(): void {
    const hasFlowed = this.#hasFlowed;
    this.#hasFlowed = false;
    if (this.#isReading) this.receive();
    if (hasFlowed || this.#hasFlowed) return;
    // Held up by a slow reader, not at its end: bulk again as soon as it flows.
    if (this.#pending !== null) this.#streakBytes = BULK_BYTES;
    this.#endBulk();
  }

  /** Before each of its turns this side, a client, waits a moment from now on. */
  holdTurns(): void {
    this.#turns ??= new Turns();
  }

  /** Who waits goes on at once. */
  freeTurns(): void {
    // Nobody is there who would take it.
    if (this.#to?.hasEnded) return;
    this.#turns = null;
    this.endTurnWait();
  }

  /** Its turn has come, or nobody is there any more who would take it. */
  endTurnWait(): void {
    if (this.#turnTimer === null) return;
    this.#endTurnTimer();
    this.#read({ isReading: true });
  }

  get isPlain(): boolean {
    return this.#isReading && this.#turns === null && !this.#isLong &&
      !this.#isBulk && !this.#owner.isOver;
  }

  receive(): void {
    if (this.#turns !== null && this.#waitsForTurn(this.#turns)) return;
    const { buffer } = this.#world;
    const count = this.#libc.recv(this.fd, buffer, BUFFER_BYTES, 0);
    if (count <= 0) return this.receivedNothing(this.#resultOf(count));
    const to = this.received(buffer, count);
    if (this.#turns !== null && this.#to?.hasEnded) return;
    const sent = this.#libc.send(to, buffer, count, FLAG.noSignal);
    this.delivered(buffer, count, this.#resultOf(sent));
  }

  received(bytes: Uint8Array<ArrayBuffer>, count: number): number {
    this.#moved(count);
    this.#hasFlowed = true;
    this.#isLong = count === bytes.length;
    const to = this.#to;
    if (to === null) return NONE;
    to.#turns?.onAnswer(bytes, count);
    return to.fd;
  }

  delivered(
    bytes: Uint8Array<ArrayBuffer>,
    count: number,
    sent: number,
  ): void {
    // What happened to the other side in the same batch has ended both.
    if (this.#owner.isOver) return;
    if (sent !== count) {
      if (sent < 0 && !isJustBusy(sent)) return this.#fail();
      this.#hold(bytes.slice(Math.max(0, sent), count));
    }
    if (!this.#isBulk) this.#countStreak(count);
  }

  receivedNothing(result: number): void {
    if (this.#owner.isOver || isJustBusy(result)) return;
    if (result === 0) this.#end();
    else this.#owner.onReadFailed(this);
  }

  /** Drops what was not delivered. The socket is the owner's to close. */
  close(): void {
    this.#pending = null;
    this.#endTurnTimer();
    this.#endBulk();
  }

  #read({ isReading }: { readonly isReading: boolean }): void {
    if (isReading === this.#isReading) return;
    this.#isReading = isReading;
    this.#watch();
  }

  #watch(): void {
    this.socket.watch(
      (this.#isReading ? READY.in : 0) | (this.#isWriteWanted ? READY.out : 0),
    );
  }

  /** Nothing is read meanwhile, so what the client says waits in the kernel. */
  #waitsForTurn(turns: Turns): boolean {
    if (!turns.mustWait || this.#to?.hasEnded) return false;
    this.#read({ isReading: false });
    const { loop, turnHoldMs } = this.#world;
    this.#turnTimer ??= loop.after(turnHoldMs, () => {
      turns.onWaited();
      this.endTurnWait();
      // Now, or an answer that comes first would make it wait again.
      this.receive();
    });
    return true;
  }

  #endTurnTimer(): void {
    if (this.#turnTimer !== null) this.#turnTimer.isOver = true;
    this.#turnTimer = null;
  }

  #end(): void {
    this.hasEnded = true;
    this.#read({ isReading: false });
    this.#endBulk();
    this.#owner.onEnd(this);
  }

  /** Bytes that are this side's own already. */
  #pass(bytes: Uint8Array<ArrayBuffer>): void {
    const to = this.#to;
    if (to === null) return;
    const { send } = this.#libc;
    const count = send(to.fd, bytes, bytes.length, FLAG.noSignal);
    const sent = this.#resultOf(count);
    if (sent === bytes.length) return;
    if (sent < 0 && !isJustBusy(sent)) return this.#fail();
    this.#hold(bytes.subarray(Math.max(0, sent)));
  }

  /** The other side takes no more for now. */
  #hold(rest: Uint8Array<ArrayBuffer>): void {
    this.#pending = rest;
    this.#read({ isReading: false });
    this.#to?.wantWrite({ isWanted: true });
  }

  #fail(): void {
    this.#pending = null;
    this.#read({ isReading: false });
    this.#to?.wantWrite({ isWanted: false });
    this.#owner.onWriteFailed(this);
  }

  #countStreak(count: number): void {
    this.#streakBytes += count;
    if (this.#to !== null) this.#to.#streakBytes = 0;
    if (this.#streakBytes < BULK_BYTES || this.#owner.isOver) return;
    this.#streakBytes = 0;
    this.#beginBulk();
  }

  #beginBulk(): void {
    this.#isBulk = true;
    this.#hasFlowed = true;
    this.#world.flows.add(this);
  }

  #endBulk(): void {
    if (!this.#isBulk) return;
    this.#isBulk = false;
    this.#world.flows.remove(this);
  }

  /** What the last call returned, or the negative error number. */
  #resultOf(returned: number): number {
    return returned < 0 ? -this.#libc.errno() : returned;
  }
}

/** Whether a call failed only for now. */
function isJustBusy(result: number): boolean {
  return result === -ERRNO.again || result === -ERRNO.interrupted;
}
