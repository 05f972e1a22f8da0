/** Opens the connection to a backend, within a time limit. */
import type { Backend } from "../lib/core/model/routes.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { ByteStream } from "./byte_stream.ts";
import { errorText } from "./error_text.ts";
import type { KernelTuning } from "./kernel_tuning.ts";

/** A connection, or why there is none. */
export type DialResult =
  | { readonly kind: "connected"; readonly conn: ByteStream }
  | { readonly kind: "failed"; readonly detail: string };

/** Opens connections; injected, so that tests can refuse them. */
export interface Dialer {
  /** Never rejects. Gives up after `limitMs` or when `signal` aborts. */
  dial(
    backend: Backend,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<DialResult>;
}

/** Dials over TCP. */
export class TcpDialer implements Dialer {
  readonly #clock: Clock;
  readonly #tuning: KernelTuning | null;

  constructor(clock: Clock, tuning: KernelTuning | null = null) {
    this.#clock = clock;
    this.#tuning = tuning;
  }

  async dial(
    backend: Backend,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<DialResult> {
    const limit = new AbortController();
    const done = new AbortController();
    const onAbort = (): void => limit.abort();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#clock.sleep(limitMs, done.signal).then(() => limit.abort());
    try {
      if (signal.aborted) return { kind: "failed", detail: "given up" };
      const from = this.#tuning?.lowestFree() ?? -1;
      const conn = await Deno.connect({
        hostname: backend.host,
        port: backend.port,
        signal: limit.signal,
      });
      tune(conn);
      this.#tuning?.tune(from, conn.localAddr);
      return { kind: "connected", conn };
    } catch (error) {
      return { kind: "failed", detail: errorText(error) };
    } finally {
      done.abort();
      signal.removeEventListener("abort", onAbort);
    }
  }
}

/** No Nagle delay for small packets; dead peers are noticed by the kernel. */
export function tune(conn: Deno.TcpConn): void {
  try {
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
  } catch {
    // The other side is gone already; reading will say so.
  }
}
