/**
 * A line as a message to a log daemon.
 *
 * Source: RFC 5424, section 6 (format); systemd, "Native Journal Protocol".
 */
import type { LogLevel } from "../../ports/log.ts";

/** Source: RFC 5424, 6.2.1: 3 is "system daemons". */
const FACILITY = 3;

const SEVERITIES: Readonly<Record<LogLevel, number>> = {
  CRITICAL: 2,
  ERROR: 3,
  WARNING: 4,
  INFO: 6,
  DEBUG: 7,
};

/** Who speaks. */
export interface LineOrigin {
  /** Of the program: printable ASCII without spaces, at most 48. */
  readonly app: string;
  readonly hostname: string;
  readonly processId: number;
}

/** One line and what goes with it. */
export interface LogLine {
  readonly text: string;
  readonly level: LogLevel;
  readonly wallTimeMs: number;
}

/**
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const origin = { app: "matriarch", hostname: "db1", processId: 7 };
 * const line = { text: "hello", level: "INFO", wallTimeMs: 0 } as const;
 * assert.equal(syslogMessage(origin, line),
 *   "<30>1 1970-01-01T00:00:00.000Z db1 matriarch 7 - - hello");
 * ```
 */
export function syslogMessage(origin: LineOrigin, line: LogLine): string {
  const { app, hostname, processId } = origin;
  const priority = 8 * FACILITY + SEVERITIES[line.level];
  const at = new Date(line.wallTimeMs).toISOString();
  const host = hostname === "" ? "-" : hostname;
  return `<${priority}>1 ${at} ${host} ${app} ${processId} - - ${line.text}`;
}

/** Fields of the journal; a value of several lines has its length before it. */
export function journalMessage(
  { app }: LineOrigin,
  { text, level }: LogLine,
): Uint8Array<ArrayBuffer> {
  const head = new TextEncoder().encode(
    `PRIORITY=${SEVERITIES[level]}\nSYSLOG_IDENTIFIER=${app}\nMESSAGE\n`,
  );
  const body = new TextEncoder().encode(text);
  const message = new Uint8Array(head.length + 8 + body.length + 1);
  message.set(head);
  const view = new DataView(message.buffer);
  view.setBigUint64(head.length, BigInt(body.length), true);
  message.set(body, head.length + 8);
  message[message.length - 1] = 0x0a;
  return message;
}
