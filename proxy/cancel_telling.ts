/**
 * Tells several backends of one cancel request: whose session it was is known to
 * them alone, and those that do not know the key ignore it.
 */
import type { Backend } from "../lib/core/model/routes.ts";
import type { Clock } from "../lib/ports/clock.ts";
import { type ByteStream, closeQuietly, writeAll } from "./byte_stream.ts";
import type { Dialer } from "./dial.ts";
import type { Places } from "./places.ts";

const CANCEL_MS_MAX = 5_000;

/** What is told, and to whom. */
interface Telling {
  readonly clock: Clock;
  readonly dialer: Dialer;
  readonly tellings: Places;
  readonly holdTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly request: Uint8Array;
  readonly backends: readonly Backend[];
  /** Says to a backend who its client is; false: it could not be told. */
  readonly introduced: (backend: Backend, conn: ByteStream) => Promise<boolean>;
  /** The proxy ends. */
  readonly ending: AbortSignal;
}

/** Resolves when all know, or the time is up. Never rejects. */
export async function tellAll(telling: Telling): Promise<void> {
  const { backends, clock, ending, holdTimeoutMs, tellings } = telling;
  const over = new AbortController();
  const { signal } = over;
  const onEnd = (): void => over.abort();
  ending.addEventListener("abort", onEnd, { once: true });
  clock.sleep(holdTimeoutMs, signal).then(onEnd);
  await Promise.allSettled(
    backends.map((backend) =>
      tellings.within(signal, () => tell(telling, backend, signal))
    ),
  );
  over.abort();
  ending.removeEventListener("abort", onEnd);
}

async function tell(
  { clock, connectTimeoutMs, dialer, introduced, request }: Telling,
  backend: Backend,
  signal: AbortSignal,
): Promise<void> {
  const result = await dialer.dial(backend, connectTimeoutMs, signal);
  if (result.kind !== "connected") return;
  const { conn } = result;
  if (!await introduced(backend, conn)) return closeQuietly(conn);
  const onOver = (): void => closeQuietly(conn);
  signal.addEventListener("abort", onOver, { once: true });
  const done = new AbortController();
  try {
    await writeAll(conn, request);
    // PostgreSQL closes when it has passed the request on.
    clock.sleep(CANCEL_MS_MAX, done.signal).then(onOver);
    await conn.read(new Uint8Array(1)).catch(() => null);
  } finally {
    done.abort();
    signal.removeEventListener("abort", onOver);
    closeQuietly(conn);
  }
}
