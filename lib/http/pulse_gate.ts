/**
 * Turns a request for `/pulse` into a connection of its own, once the application
 * has let it pass: by the rules for unsafe requests, as it would any other.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { PULSE_PATH, PULSE_PROTOCOL } from "../core/codec/pulse_codec.ts";

/** Who is given a connection. */
export type Receiver = (socket: Duplex) => void;

/** Who speaks on connections that were let pass. */
export interface PulseGate {
  readonly isWelcome: (voter: string) => boolean;
  readonly attach: (voter: string, socket: Duplex) => void;
}

/** For an agent that speaks to nobody. */
export const NO_PULSE: PulseGate = {
  isWelcome: () => false,
  attach: (_voter, socket) => void socket.destroy(),
};

const ACCEPTED = "HTTP/1.1 101 Switching Protocols\r\n" +
  `Connection: Upgrade\r\nUpgrade: ${PULSE_PROTOCOL}\r\n\r\n`;

/** Whether a request asks for this. Every other upgrade is answered as if it had not asked. */
export function isPulseUpgrade(
  { headers, url, method }: Pick<IncomingMessage, "headers" | "url" | "method">,
): boolean {
  const path = (url ?? "").split("?", 1)[0];
  return method === "GET" && headers.upgrade === PULSE_PROTOCOL &&
    path === PULSE_PATH;
}

/** Hands the connection over, or says why not and closes it. */
export function finishUpgrade(
  { status, statusText }: Pick<Response, "status" | "statusText">,
  socket: Duplex,
  receiver: Receiver | null,
): void {
  if (socket.destroyed) return;
  if (status === 200 && receiver !== null) {
    socket.write(ACCEPTED);
    receiver(socket);
    return;
  }
  const head = `HTTP/1.1 ${status} ${statusText}`.trimEnd();
  const rest = "Connection: close\r\nContent-Length: 0\r\n\r\n";
  socket.end(`${head}\r\n${rest}`, () => socket.destroy());
}
