/** One end of a session as a stream of bytes, and how to write to it and close it. */

/** One end of a session. `Deno.Conn` is one. */
export interface ByteStream {
  /** Resolves with null when the other side has ended its half. */
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
}

/** Writes all of `bytes`, however many writes it takes. */
export async function writeAll(
  to: ByteStream,
  bytes: Uint8Array,
): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += await to.write(written === 0 ? bytes : bytes.subarray(written));
  }
}

/** Closes a stream that may be closed already. */
export function closeQuietly(stream: { close(): void }): void {
  try {
    stream.close();
  } catch {
    // Closed before: what was wanted.
  }
}
