/**
 * The seam between control and bytes. Control finds a backend and decides when
 * a session ends; a data plane moves the bytes in between. The portable one is
 * in `portable_plane.ts`; a faster one has to keep exactly these promises.
 */

import type { ByteStream } from "./byte_stream.ts";
import type { EarlyReader } from "./early_reader.ts";

/** Is told how many bytes were forwarded, per direction. */
export interface RelayMeter {
  /** From the client to the backend. */
  sent(bytes: number): void;
  /** From the backend to the client. */
  received(bytes: number): void;
}

/** How a session came to its end. */
export type RelayEnd =
  /** Both halves ended in order, or one side went away. */
  | "ended"
  | "client_lost"
  | "backend_lost"
  /** Control ended it. */
  | "cut";

/** Two streams that are being joined. */
export interface Relay {
  /** Never rejects; both streams are closed when it resolves. */
  readonly ended: Promise<RelayEnd>;
  /** Closes both streams at once. May be called at any time, also twice. */
  cut(): void;
  /**
   * From now on the client waits a moment before each of its turns, see
   * `turns.ts`; what it says after the backend has ended goes nowhere.
   */
  holdTurns(): void;
  /** Not any more: who waits goes on at once. */
  freeTurns(): void;
}

/**
 * Joins two streams: bytes are passed on untouched, in order and both ways; a
 * slow reader slows the writer down (bounded memory); the end of one half is
 * passed on as the end of that half.
 */
export interface DataPlane {
  /** @param client With what was read of it already; that goes to the backend first. */
  relay(client: EarlyReader, backend: ByteStream, meter: RelayMeter): Relay;
}
