/** Sends a client away with a PostgreSQL error, within a time limit. */
import type { Clock } from "../lib/ports/clock.ts";
import { type ByteStream, closeQuietly, writeAll } from "./byte_stream.ts";
import { errorResponse, readOpening, type RefusalText } from "./startup.ts";

/** A client that has not said what it wants by then is closed without a word. */
const REFUSAL_MS_MAX = 5_000;

/** Reads the startup packet, answers with the error and closes. Never rejects. */
export async function refuse(
  client: ByteStream,
  text: RefusalText,
  clock: Clock,
): Promise<void> {
  const done = new AbortController();
  clock.sleep(REFUSAL_MS_MAX, done.signal).then(() => closeQuietly(client));
  try {
    if (await readOpening(client) !== "startup") return;
    await writeAll(client, errorResponse(text));
    await client.closeWrite();
    // The client's own end: closing before it could discard the error.
    await client.read(new Uint8Array(64));
  } catch {
    // The client is gone or out of time; either way there is no one to tell.
  } finally {
    done.abort();
    closeQuietly(client);
  }
}
