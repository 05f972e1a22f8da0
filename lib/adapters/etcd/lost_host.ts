/**
 * Finds out early that nothing will answer at an endpoint. A lost host says
 * nothing, and a frozen one keeps its connections, so a call to its etcd would
 * wait for all of its share of the time limit. A living etcd greets a new
 * connection at once, however slow its disk or its quorum is: so neither is taken
 * for a loss. One that stands still for a moment may be: then the call goes to
 * another endpoint, and nothing else comes of it.
 */
import { Buffer } from "node:buffer";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Clock } from "../../ports/clock.ts";
import type { TlsContents } from "./options.ts";

/** An answer is late after this. */
const LATE_MS = 200;
/**
 * A greeting is too late after so many looks; above the round trips of any sane
 * network. Several, so that a process which stood still itself during one of them
 * has the others to hear what came meanwhile.
 */
const LOOKS = 5;
const LOOK_MS = 100;

/**
 * What a client of HTTP/2 says first, with an empty frame of settings.
 *
 * Source: RFC 9113, 3.4.
 */
const GREETING = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

/** Where the answer comes from. */
interface Asked {
  /** As URL. */
  readonly endpoint: string;
  readonly clock: Pick<Clock, "sleep">;
  /** For https; asked for only then. */
  readonly tls: () => TlsContents;
}

/**
 * The answer, unless it is late and nobody greets at the endpoint either.
 *
 * @throws {Error} If nobody is there, and what `answer` throws.
 */
export async function unlessLost<T>(
  answer: Promise<T>,
  { endpoint, clock, tls }: Asked,
): Promise<T> {
  const settled = new AbortController();
  const stop = (): void => settled.abort();
  answer.then(stop, stop);
  await clock.sleep(LATE_MS, settled.signal);
  if (settled.signal.aborted) return await answer;
  let isThere = false;
  const close = greet(new URL(endpoint), tls, () => {
    isThere = true;
    stop();
  });
  for (let looks = 0; looks < LOOKS && !settled.signal.aborted; looks++) {
    await clock.sleep(LOOK_MS, settled.signal);
  }
  close();
  if (isThere || settled.signal.aborted) return await answer;
  stop();
  throw new Error("nothing answers there");
}

/** Any word is a sign of life, a refusal too: the call itself shows what it means. */
function greet(
  { hostname, port, protocol }: URL,
  tls: () => TlsContents,
  onSign: () => void,
): () => void {
  const isSecure = protocol === "https:";
  const place = {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port || (isSecure ? 443 : 80)),
  };
  let socket: Socket;
  try {
    socket = isSecure
      ? connectTls({ ...place, ...tls(), ALPNProtocols: ["h2"] }, onSign)
      : connectTcp(place, () => socket.write(GREETING));
  } catch {
    onSign();
    return () => {};
  }
  for (const sign of ["data", "end", "error", "close"]) {
    socket.on(sign, onSign);
  }
  return () => {
    socket.removeAllListeners("close");
    socket.destroy();
  };
}
