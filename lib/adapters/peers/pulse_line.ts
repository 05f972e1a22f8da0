/**
 * One connection to a leader's REST API on which its agent's pulse comes: dialled,
 * upgraded, read. It says what happened and decides nothing.
 *
 * It speaks HTTP by itself, for one request without a body: the stream of the HTTP
 * client costs twice as much for each of the few bytes that come.
 */
import {
  ANSWER_BYTE,
  PULSE_PATH,
  PULSE_PROTOCOL,
  PulseReader,
  type PulseSource,
} from "../../core/codec/pulse_codec.ts";
import { authorization, type PeersOptions } from "./client_options.ts";
import { openWire, type PulseWire, type WirePlace } from "./pulse_wire.ts";

/** How a connection ended. */
export type LineEnd =
  /** Nothing listens there. */
  | { readonly kind: "refused" }
  /** It answered, but does not speak to this member. */
  | { readonly kind: "rejected"; readonly status: number }
  /** Closed, broken, too slow, or no pulse at all. */
  | { readonly kind: "lost" };

/** Who is told. */
export interface LineEvents {
  /** Something was heard; more than one pulse may have come together. */
  readonly onPulse: (line: PulseLine, source: PulseSource) => void;
  /** Once; not after `close()`. */
  readonly onEnd: (line: PulseLine, end: LineEnd) => void;
}

/** Where to. */
export interface LineTarget {
  readonly url: URL;
  /** In place of the URL's host, so that no name has to be resolved; null: the host. */
  readonly address: string | null;
  /** Who listens. */
  readonly self: string;
}

/** From the dial to the first pulse. */
const FIRST_PULSE_MS = 1_000;
const HEAD_BYTES_MAX = 4_096;

const ANSWER = Uint8Array.of(ANSWER_BYTE);

/** A connection from its dial to its end. */
export class PulseLine {
  readonly #wire: PulseWire;
  readonly #events: LineEvents;
  readonly #reader = new PulseReader();
  readonly #timer: ReturnType<typeof setTimeout>;
  /** Of the HTTP answer; null: it has been read. */
  #head: string | null = "";
  #source: PulseSource | null = null;
  #isOver = false;

  constructor(target: LineTarget, options: PeersOptions, events: LineEvents) {
    this.#events = events;
    const request = new TextEncoder().encode(requestText(target, options));
    this.#wire = openWire(placeOf(target, options), request, {
      onBytes: (bytes) => this.#take(bytes),
      onEnd: (isRefused) => this.#end({ kind: isRefused ? "refused" : "lost" }),
    });
    this.#timer = setTimeout(
      () => this.#end({ kind: "lost" }),
      FIRST_PULSE_MS,
    );
  }

  /** The address that was reached; null: none yet. */
  get address(): string | null {
    return this.#wire.address;
  }

  /** Ends it; nobody is told. */
  close(): void {
    clearTimeout(this.#timer);
    this.#isOver = true;
    this.#wire.close();
  }

  #end(end: LineEnd): void {
    if (this.#isOver) return;
    this.close();
    this.#events.onEnd(this, end);
  }

  #take(bytes: Uint8Array): void {
    if (this.#isOver) return;
    const rest = this.#head === null ? bytes : this.#readHead(bytes);
    if (rest === null || rest.length === 0) return;
    const piece = this.#reader.read(rest);
    if (piece === null) return this.#end({ kind: "lost" });
    this.#source = piece.source ?? this.#source;
    for (let n = 0; n < piece.questions; n++) this.#wire.write(ANSWER);
    if (this.#source === null || piece.pulses + piece.questions === 0) return;
    clearTimeout(this.#timer);
    this.#events.onPulse(this, this.#source);
  }

  /** What came after the head; null: it is not complete, or says no. */
  #readHead(bytes: Uint8Array): Uint8Array | null {
    // One character per byte, so that the rest can be found again.
    const text = this.#head + String.fromCharCode(...bytes);
    const end = text.indexOf("\r\n\r\n");
    if (end < 0 || end > HEAD_BYTES_MAX) {
      this.#head = text;
      if (text.length > HEAD_BYTES_MAX) this.#end({ kind: "lost" });
      return null;
    }
    this.#head = null;
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0);
    if (status !== 101) {
      this.#end(status === 0 ? { kind: "lost" } : { kind: "rejected", status });
      return null;
    }
    const restLength = text.length - end - 4;
    return bytes.subarray(bytes.length - restLength);
  }
}

function placeOf(
  { url, address }: LineTarget,
  { tls }: PeersOptions,
): WirePlace {
  const isTls = url.protocol === "https:";
  return {
    host: address ?? url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || (isTls ? 443 : 80)),
    secured: isTls ? { tls } : null,
  };
}

function requestText(
  { url, self }: LineTarget,
  options: PeersOptions,
): string {
  const lines = [
    `GET ${PULSE_PATH}?member=${encodeURIComponent(self)} HTTP/1.1`,
    `Host: ${url.host}`,
    "Connection: Upgrade",
    `Upgrade: ${PULSE_PROTOCOL}`,
    ...Object.entries(authorization(options)).map(([name, value]) =>
      `${name}: ${value}`
    ),
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}
