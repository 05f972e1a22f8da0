/**
 * A snapshot as etcd's gateway sends it: lines of JSON with parts of the file in
 * base64. The file ends with the SHA-256 of what is before, by which a restore
 * checks it; here it is checked, too, before the file gets its name.
 *
 * Source: etcd 3.5, `rpc.proto` SnapshotResponse; `etcdutl snapshot restore`.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { record, text } from "./wire.ts";

const HASH_BYTES = 32;
/** A part is 32 KiB before base64. */
const LINE_LENGTH_MAX = 4 * 2 ** 20;

/**
 * Writes the file, which has its name only when it is whole.
 *
 * @throws {Error} If it is not whole, or cannot be written; then there is no file.
 */
export async function saveSnapshot(
  stream: ReadableStream<Uint8Array>,
  path: string,
): Promise<void> {
  const part = `${path}.part`;
  try {
    {
      using file = await Deno.open(part, {
        write: true,
        create: true,
        truncate: true,
        mode: 0o600,
      });
      await writeChecked(stream, file);
      await file.sync();
    }
    await Deno.rename(part, path);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    throw error;
  }
}

async function writeChecked(
  stream: ReadableStream<Uint8Array>,
  file: Deno.FsFile,
): Promise<void> {
  const hash = createHash("sha256");
  let tail: Uint8Array = new Uint8Array();
  for await (const line of linesOf(stream)) {
    const bytes = partOf(line);
    await writeAll(file, bytes);
    // The last bytes are the hash of all before: they are held back.
    const pending = Buffer.concat([tail, bytes]);
    const end = Math.max(0, pending.length - HASH_BYTES);
    hash.update(pending.subarray(0, end));
    tail = pending.subarray(end);
  }
  const isWhole = tail.length === HASH_BYTES &&
    hash.digest().every((byte, at) => byte === tail[at]);
  if (!isWhole) throw new Error("the snapshot that etcd sent is not whole");
}

function partOf(line: string): Uint8Array {
  const answer = record(JSON.parse(line));
  if (answer["error"] !== undefined) {
    throw new Error(text(record(answer["error"])["message"]));
  }
  return Buffer.from(text(record(answer["result"])["blob"]), "base64");
}

async function* linesOf(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  let length = 0;
  for await (const bytes of stream) {
    const [first = "", ...others] = decoder.decode(bytes, { stream: true })
      .split("\n");
    parts.push(first);
    length += first.length;
    if (length > LINE_LENGTH_MAX) throw new Error("a part is too long");
    for (const other of others) {
      yield parts.join("");
      parts = [other];
      length = other.length;
    }
  }
  if (length > 0) yield parts.join("");
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await file.write(bytes.subarray(at));
  }
}
