/**
 * The data plane of a worker thread. It keeps the promises of `data_plane.ts`
 * with sockets of its own thread only.
 */
import type { ByteStream } from "../byte_stream.ts";
import type { DataPlane, Relay, RelayEnd, RelayMeter } from "../data_plane.ts";
import type { EarlyReader } from "../early_reader.ts";
import { NetSocket, SocketError } from "./net_socket.ts";
import {
  RelaySide,
  type RelaySideOwner,
  type RelayWorld,
} from "./relay_side.ts";

/** As in the portable plane: how long a half may outlive the other's end. */
const LINGER_MS = 10_000;
const NOTHING = new Uint8Array(0);

/** The data plane of a worker thread. */
export class NativePlane implements DataPlane {
  readonly #world: RelayWorld;

  constructor(world: RelayWorld) {
    this.#world = world;
  }

  relay(client: EarlyReader, backend: ByteStream, meter: RelayMeter): Relay {
    const early = client.surrender();
    const sockets = [early.client, backend] as const;
    const [front, back] = sockets;
    if (!(front instanceof NetSocket) || !(back instanceof NetSocket)) {
      throw new SocketError("not a socket of this thread");
    }
    const parts = { front, back, meter, early: early.kept };
    return new NativeRelay(parts, this.#world);
  }
}

interface RelayParts {
  readonly front: NetSocket;
  readonly back: NetSocket;
  readonly meter: RelayMeter;
  readonly early: Uint8Array<ArrayBuffer>;
}

class NativeRelay implements Relay, RelaySideOwner {
  readonly ended: Promise<RelayEnd>;
  readonly #world: RelayWorld;
  readonly #client: RelaySide;
  readonly #backend: RelaySide;
  readonly #resolve: (end: RelayEnd) => void;
  #linger: AbortController | null = null;
  isOver = false;

  constructor(parts: RelayParts, world: RelayWorld) {
    const { front, back, meter, early } = parts;
    this.#world = world;
    const { promise, resolve } = Promise.withResolvers<RelayEnd>();
    this.ended = promise;
    this.#resolve = resolve;
    this.#client = new RelaySide(front, world, {
      owner: this,
      moved: meter.sent,
    });
    this.#backend = new RelaySide(back, world, {
      owner: this,
      moved: meter.received,
    });
    if (front.isClosed || back.isClosed) {
      this.#close("client_lost");
    } else {
      this.#backend.start(this.#client, NOTHING);
      this.#client.start(this.#backend, early);
    }
  }

  cut(): void {
    this.#close("cut");
  }

  holdTurns(): void {
    if (!this.isOver) this.#client.holdTurns();
  }

  freeTurns(): void {
    if (!this.isOver) this.#client.freeTurns();
  }

  onEnd(side: RelaySide): void {
    const other = side === this.#client ? this.#backend : this.#client;
    if (other.hasEnded) return this.#close("ended");
    other.socket.endWrite();
    other.endTurnWait();
    // A client may go on reading for as long as the backend has something to say.
    if (side === this.#backend) this.#closeLater("ended");
  }

  onReadFailed(side: RelaySide): void {
    this.#close(side === this.#client ? "client_lost" : "backend_lost");
  }

  onWriteFailed(side: RelaySide): void {
    if (side === this.#backend) return this.#close("client_lost");
    // The backend takes no more, but may have said why: that is still passed on.
    this.#closeLater("backend_lost");
    if (this.#backend.hasEnded) this.#close("backend_lost");
  }

  #closeLater(end: RelayEnd): void {
    if (this.#linger !== null || this.isOver) return;
    const linger = new AbortController();
    this.#linger = linger;
    this.#world.clock.sleep(LINGER_MS, linger.signal)
      .then(() => this.#close(end));
  }

  #close(end: RelayEnd): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#client.close();
    this.#backend.close();
    this.#client.socket.close();
    this.#backend.socket.close();
    this.#linger?.abort("closed");
    this.#resolve(end);
    this.#world.loop.touch();
  }
}
