/** Reads an answer's body, and ends one that no DynamoDB would send. */

/** An item has at most 400 KiB, and a little more as JSON; a table's description less. */
const BODY_LENGTH_MAX = 8 << 20;

/**
 * All bytes of a body.
 *
 * @param stream What the SDK's handler gives for one: chunks of bytes.
 * @throws {Error} If it is longer than any answer of DynamoDB's.
 */
export async function boundedBody(
  stream: AsyncIterable<Uint8Array>,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    // Leaving the loop closes the connection.
    if (length > BODY_LENGTH_MAX) throw new Error("the answer is too long");
    chunks.push(chunk);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}
