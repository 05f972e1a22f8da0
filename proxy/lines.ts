/** Text lines out of a stream of bytes, with a limit. */

const LINE_CHARACTERS_MAX = 64 * 1024;

/** Where the bytes come from. */
export interface LineSource {
  read(into: Uint8Array): Promise<number | null>;
}

/**
 * The lines that arrive, until the stream ends.
 *
 * @throws {RangeError} If a line is longer than 64 Ki characters.
 */
export async function* linesOf(source: LineSource): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  let rest = "";
  while (true) {
    const length = await source.read(buffer);
    if (length === null) return;
    const parts = (rest + decoder.decode(buffer.subarray(0, length), {
      stream: true,
    })).split("\n");
    rest = parts.pop() ?? "";
    if (rest.length > LINE_CHARACTERS_MAX) {
      throw new RangeError("line too long");
    }
    yield* parts;
  }
}
