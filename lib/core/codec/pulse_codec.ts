/**
 * The bytes of a pulse's connection. From the leader: a line of JSON that says who
 * speaks in which term, at the start and whenever that changes; then one byte for
 * each pulse. Some of them ask, and the voter answers each with one byte.
 */
import { isRevisionText, type Revision, revision } from "../base/units.ts";
import type { MemberName } from "../model/member.ts";
import { encodeJson, parseJsonObject, readText } from "./json.ts";

/** The path of the REST API, and the name of the protocol in `Upgrade`. */
export const PULSE_PATH = "/pulse";
export const PULSE_PROTOCOL = "matriarch-pulse";

/** A pulse. */
export const PULSE_BYTE = 0x2e;
/** A pulse that wants an answer. */
export const QUESTION_BYTE = 0x3f;
/** The answer. */
export const ANSWER_BYTE = 0x21;

const LINE_START = 0x7b;
const LINE_END = 0x0a;
/** Longer than any: a name of 64 characters, each escaped, and a revision of 200. */
const LINE_BYTES_MAX = 1_024;
/** A leader says two bytes in a second; nobody says that much. */
const CHUNK_BYTES_MAX = 4_096;

/** Who speaks. */
export interface PulseSource {
  readonly leader: MemberName;
  readonly term: Revision;
}

/** The line, with its end. */
export function encodeSource({ leader, term }: PulseSource): string {
  return `${encodeJson({ leader, term })}\n`;
}

/** What came in one piece; null: it is no pulse, and the connection is to be ended. */
export interface HeardPiece {
  /** The line came new; null: the source is as before. */
  readonly source: PulseSource | null;
  readonly pulses: number;
  readonly questions: number;
}

/** Reads what a leader says, piece by piece. */
export class PulseReader {
  #line: number[] | null = null;

  /** Null: this is something else. Nothing may be read after that. */
  read(bytes: Uint8Array): HeardPiece | null {
    if (bytes.length > CHUNK_BYTES_MAX) return null;
    let source: PulseSource | null = null;
    let pulses = 0;
    let questions = 0;
    for (const byte of bytes) {
      if (this.#line !== null) {
        const line = this.#line;
        line.push(byte);
        if (line.length > LINE_BYTES_MAX) return null;
        if (byte !== LINE_END) continue;
        this.#line = null;
        source = decodeSource(new TextDecoder().decode(Uint8Array.from(line)));
        if (source === null) return null;
      } else if (byte === LINE_START) this.#line = [byte];
      else if (byte === PULSE_BYTE) pulses++;
      else if (byte === QUESTION_BYTE) questions++;
      else return null;
    }
    return { source, pulses, questions };
  }
}

function decodeSource(line: string): PulseSource | null {
  const document = parseJsonObject(line);
  const leader = readText(document?.["leader"]);
  const term = document?.["term"];
  return leader === null || !isRevisionText(term)
    ? null
    : { leader, term: revision(term) };
}
