/**
 * Stands between a server and the SQL driver: what speaks no protocol, or answers
 * one statement with more than is wanted, is cut off before the driver sees it.
 * The address comes from the store, and the driver keeps what it is sent
 * until the message is complete, complains of each unknown one in a line of its
 * own, and reads the names of columns without looking for the end of the message:
 * a stranger fills the memory, or holds the thread for ever.
 *
 * Source: PostgreSQL 17 manual, "Message Formats".
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { AUTH_REFUSED, type PasswordGuard } from "./password_guard.ts";

/** Ten times the settings and slots of a large server. */
export const ANSWER_BYTES_MAX = 64 << 20;

/** What an operator may ask for at once: it is shown when all of it has come. */
const OPERATOR_BYTES_MAX = 256 << 20;

/** Refused by us, not by the server. */
const ANSWER_REFUSED = "ANSWER_REFUSED";

/** Whose statements are answered: the agent's own, also where it listens, or any text of an operator's. */
type Asker = "agent" | "listener" | "operator";

/**
 * What our statements are answered with. None of them copies, and only the
 * listener's listen; the driver fails outside of every call, or reads on for ever,
 * if it is told so elsewhere. An operator's may do both.
 */
const TYPES: Readonly<Record<Asker, ReadonlySet<number>>> = {
  agent: new Set(Buffer.from("RKSZTDCENItnsv123")),
  listener: new Set(Buffer.from("RKSZTDCENIA")),
  operator: new Set(Buffer.from("RKSZTDCENIvA")),
};
const BYTES_MAX: Readonly<Record<Asker, number>> = {
  agent: ANSWER_BYTES_MAX,
  listener: ANSWER_BYTES_MAX,
  operator: OPERATOR_BYTES_MAX,
};
/** CopyInResponse, CopyOutResponse, CopyBothResponse: the driver would wait for more. */
const COPIES: ReadonlySet<number> = new Set(Buffer.from("GHW"));
/** Two bytes for each column, and a few. A web server begins with "H", too. */
const COPY_BYTES_MAX = 4_096;
const HEAD_BYTES = 5;
const LENGTH_MIN = 4;
const AUTHENTICATION = 0x52;
const ERROR = 0x45;
const ROW = 0x44;
const ROW_DESCRIPTION = 0x54;
/** Read as a whole. A table has at most 1,664 columns, with names of 63 bytes. */
const WHOLE_BYTES_MAX: ReadonlyMap<number, number> = new Map([
  [AUTHENTICATION, 65_536],
  [ROW_DESCRIPTION, 1 << 20],
]);
/** What stands behind the name of a column. */
const COLUMN_BYTES = 18;

/** What the driver keeps beside the bytes: of a message, a value, a result. */
const MESSAGE_COST = 64;
const VALUE_COST = 64;
const RESULT_COST = 1_024;

const NO_PROTOCOL = "The server does not speak PostgreSQL's protocol";

/** Cuts a server off that speaks no protocol or answers with too much. */
export class AnswerMeter {
  readonly #asker: Asker;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(asker: Asker = "agent", bytesMax = BYTES_MAX[asker]) {
    this.#asker = asker;
    this.#bytesMax = bytesMax;
  }

  /** The next statement begins. */
  begin(): void {
    this.#bytes = 0;
  }

  /** Looks at what `socket` receives, from its first message on. */
  watch(socket: Socket, guard: PasswordGuard): void {
    const emit: (event: string, ...args: unknown[]) => boolean = socket.emit
      .bind(socket);
    const frames = new Frames(guard, this.#asker);
    const watched = (event: string, ...args: unknown[]): boolean => {
      const [part] = args;
      if (event !== "data" || !Buffer.isBuffer(part)) {
        return emit(event, ...args);
      }
      const refusal = frames.take(part);
      this.#bytes += part.length + frames.takenCost();
      const isTooLarge = this.#bytes > this.#bytesMax;
      if (refusal === null && !isTooLarge) return emit(event, part);
      const { text, code } = refusal ?? {
        text: `The server's answer is too large, more than ${
          this.#bytesMax >> 20
        } MiB`,
        code: ANSWER_REFUSED,
      };
      socket.destroy(Object.assign(new Error(text), { code }));
      return false;
    };
    Object.assign(socket, { emit: watched });
  }
}

interface Refusal {
  readonly text: string;
  readonly code: string;
}

function refused(text: string): Refusal {
  return { text, code: ANSWER_REFUSED };
}

/** Follows the lengths of messages, and reads those that must be right. */
class Frames {
  readonly #guard: PasswordGuard;
  readonly #asker: Asker;
  #head = Buffer.alloc(0);
  #left = 0;
  /** The type and the parts of a message that is read as a whole. */
  #whole: { readonly type: number; readonly parts: Buffer[] } | null = null;
  #columns = 0;
  #cost = 0;

  constructor(guard: PasswordGuard, asker: Asker) {
    this.#guard = guard;
    this.#asker = asker;
  }

  /** What the last parts cost beside their bytes. */
  takenCost(): number {
    const cost = this.#cost;
    this.#cost = 0;
    return cost;
  }

  /** Null: so far all is well. */
  take(part: Buffer): Refusal | null {
    let at = 0;
    while (at < part.length) {
      const body = part.subarray(at, at + this.#left);
      at += body.length;
      this.#left -= body.length;
      this.#whole?.parts.push(body);
      if (this.#left > 0) return null;
      const problem = this.#endProblem();
      if (problem !== null) return problem;
      const begun = part.subarray(at, at + HEAD_BYTES - this.#head.length);
      at += begun.length;
      this.#head = Buffer.concat([this.#head, begun]);
      const refusal = this.#head.length < HEAD_BYTES ? null : this.#begin();
      if (refusal !== null) return refusal;
    }
    return this.#left > 0 ? null : this.#endProblem();
  }

  #begin(): Refusal | null {
    const [type = 0] = this.#head;
    const length = this.#head.readUInt32BE(1);
    this.#head = Buffer.alloc(0);
    const isCopy = COPIES.has(type) && length <= COPY_BYTES_MAX;
    if (this.#asker === "operator" && isCopy) {
      return refused("COPY from or to the client is not possible here");
    }
    if (!TYPES[this.#asker].has(type) || length < LENGTH_MIN) {
      return refused(NO_PROTOCOL);
    }
    if (type === ERROR) this.#guard.end();
    this.#left = length - LENGTH_MIN;
    this.#cost += MESSAGE_COST;
    if (type === ROW) this.#cost += VALUE_COST * this.#columns;
    const max = WHOLE_BYTES_MAX.get(type);
    this.#whole = max === undefined ? null : { type, parts: [] };
    return max !== undefined && this.#left > max ? refused(NO_PROTOCOL) : null;
  }

  #endProblem(): Refusal | null {
    if (this.#whole === null) return null;
    const { type, parts } = this.#whole;
    this.#whole = null;
    const body = Buffer.concat(parts);
    if (type === AUTHENTICATION) {
      const text = this.#guard.judge(body);
      return text === null ? null : { text, code: AUTH_REFUSED };
    }
    this.#cost += RESULT_COST;
    const columns = columnsIn(body);
    this.#columns = columns ?? 0;
    return columns === null ? refused(NO_PROTOCOL) : null;
  }
}

/** How many columns are described; null: not each of them to its end. */
function columnsIn(body: Buffer): number | null {
  if (body.length < 2) return null;
  const count = body.readUInt16BE(0);
  let at = 2;
  for (let left = count; left > 0; left--) {
    const end = body.indexOf(0, at);
    if (end < 0) return null;
    at = end + 1 + COLUMN_BYTES;
  }
  return at <= body.length ? count : null;
}
