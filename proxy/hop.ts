/**
 * From one proxy to another. A sealed instance takes clients only from the proxy
 * beside it, so the proxies of other hosts connect to that one: they say that
 * they are a proxy and wait for a word, which comes when the sealed instance is
 * connected. Without it the connection counts as failed, and the client goes on
 * waiting where it is.
 *
 * A hop is the last one: the proxy beside the instance never passes it on, so
 * two proxies that take each other's member for the leader cannot send a
 * client around in circles.
 */
import type { Backend } from "../lib/core/model/routes.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { Dialer, DialResult } from "./dial.ts";
import { type ByteStream, closeQuietly, writeAll } from "./byte_stream.ts";
import { hopRequest } from "./startup.ts";

/** The word of a proxy that has connected its instance. */
export const HOP_ACCEPTED: Uint8Array<ArrayBuffer> = Uint8Array.of(0x48);

/** Dials through other members' proxies where their instances are sealed. */
export class HopDialer implements Dialer {
  readonly #dialer: Dialer;
  readonly #clock: Clock;

  constructor(dialer: Dialer, clock: Clock) {
    this.#dialer = dialer;
    this.#clock = clock;
  }

  async dial(
    backend: Backend,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<DialResult> {
    const startedAt = this.#clock.now();
    const result = await this.#dialer.dial(backend, limitMs, signal);
    if (result.kind === "failed" || backend.via !== "proxy") return result;
    const { conn } = result;
    const leftMs = limitMs - (this.#clock.now() - startedAt);
    const done = new AbortController();
    const giveUp = (): void => closeQuietly(conn);
    signal.addEventListener("abort", giveUp, { once: true });
    this.#clock.sleep(Math.max(0, leftMs), done.signal).then(() => {
      if (!done.signal.aborted) giveUp();
    });
    const isAccepted = !signal.aborted && await askedToHop(conn);
    done.abort();
    signal.removeEventListener("abort", giveUp);
    if (isAccepted && !signal.aborted) return result;
    closeQuietly(conn);
    const detail = `the proxy beside ${backend.name} does not lead to it`;
    return { kind: "failed", detail };
  }
}

async function askedToHop(conn: ByteStream): Promise<boolean> {
  try {
    await writeAll(conn, hopRequest());
    // Behind the word nobody speaks before the client does: who says more is
    // no proxy, but a web server, say, whose answers begin with that letter.
    const word = new Uint8Array(HOP_ACCEPTED.length + 1);
    const length = await conn.read(word);
    return length === HOP_ACCEPTED.length && word[0] === HOP_ACCEPTED[0];
  } catch {
    return false;
  }
}
