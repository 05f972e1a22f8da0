/**
 * Stands between a server and the SQL driver: what speaks no protocol, or answers
 * one statement with more than any of ours asks for, is cut off before the driver
 * sees it. The address comes from the store, and the driver keeps what it is sent
 * until the message is complete, complains of each unknown one in a line of its
 * own, and reads the names of columns without looking for the end of the message:
 * a stranger fills the memory, or holds the thread for ever.
 *
 * Source: PostgreSQL 17 manual, "Message Formats".
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";

/** Ten times the settings and slots of a large server. */
export const ANSWER_BYTES_MAX = 64 << 20;

/** Refused by us, not by the server. */
const ANSWER_REFUSED = "ANSWER_REFUSED";

/**
 * What our statements are answered with. None of them copies or listens, and the
 * driver fails outside of every call, or reads on for ever, if it is told so.
 */
const TYPES: ReadonlySet<number> = new Set(Buffer.from("RKSZTDCENItnsv123"));
const HEAD_BYTES = 5;
const LENGTH_MIN = 4;
const ROW_DESCRIPTION = 0x54;
/** A table has at most 1,664 columns in a result, with names of 63 bytes. */
const COLUMNS_BYTES_MAX = 1 << 20;
/** What stands behind the name of a column. */
const COLUMN_BYTES = 18;

/** See the head of this file. */
export class AnswerMeter {
  #bytes = 0;

  /** The next statement begins. */
  begin(): void {
    this.#bytes = 0;
  }

  /** Looks at what `socket` receives, from its first message on. */
  watch(socket: Socket): void {
    const emit: (event: string, ...args: unknown[]) => boolean = socket.emit
      .bind(socket);
    const frames = new Frames();
    const watched = (event: string, ...args: unknown[]): boolean => {
      const [part] = args;
      if (event !== "data" || !Buffer.isBuffer(part)) {
        return emit(event, ...args);
      }
      this.#bytes += part.length;
      const problem = this.#bytes > ANSWER_BYTES_MAX
        ? "The server's answer is too large"
        : frames.take(part)
        ? null
        : "The server does not speak PostgreSQL's protocol";
      if (problem === null) return emit(event, part);
      socket.destroy(
        Object.assign(new Error(problem), { code: ANSWER_REFUSED }),
      );
      return false;
    };
    Object.assign(socket, { emit: watched });
  }
}

/** Follows the lengths of messages; false: these bytes are none. */
class Frames {
  #head = Buffer.alloc(0);
  #left = 0;
  /** Of a description of rows, which the driver reads without looking at its end. */
  #columns: Buffer[] | null = null;

  take(part: Buffer): boolean {
    let at = 0;
    while (at < part.length) {
      const body = part.subarray(at, at + this.#left);
      at += body.length;
      this.#left -= body.length;
      this.#columns?.push(body);
      if (this.#left > 0) return true;
      if (!this.#areColumnsFine()) return false;
      const begun = part.subarray(at, at + HEAD_BYTES - this.#head.length);
      at += begun.length;
      this.#head = Buffer.concat([this.#head, begun]);
      if (this.#head.length === HEAD_BYTES && !this.#begin()) return false;
    }
    return this.#left > 0 || this.#areColumnsFine();
  }

  #begin(): boolean {
    const [type = 0] = this.#head;
    const length = this.#head.readUInt32BE(1);
    this.#head = Buffer.alloc(0);
    if (!TYPES.has(type) || length < LENGTH_MIN) return false;
    this.#left = length - LENGTH_MIN;
    this.#columns = type === ROW_DESCRIPTION ? [] : null;
    return this.#columns === null || this.#left <= COLUMNS_BYTES_MAX;
  }

  #areColumnsFine(): boolean {
    if (this.#columns === null) return true;
    const body = Buffer.concat(this.#columns);
    this.#columns = null;
    if (body.length < 2) return false;
    let at = 2;
    for (let left = body.readUInt16BE(0); left > 0; left--) {
      const end = body.indexOf(0, at);
      if (end < 0) return false;
      at = end + 1 + COLUMN_BYTES;
    }
    return at <= body.length;
  }
}
