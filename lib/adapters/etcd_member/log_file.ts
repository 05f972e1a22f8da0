/** The log of a managed etcd: lines of JSON that it appends to one file. */

const LOG_BYTES_MAX = 8 * 2 ** 20;
/** The end of it that is looked at. */
const TAIL_BYTES = 64 * 2 ** 10;

/** Makes an old file of one that has grown; etcd goes on at the beginning, because it only appends. */
export async function keepLogSmall(path: string): Promise<void> {
  try {
    const { size } = await Deno.stat(path);
    if (size <= LOG_BYTES_MAX) return;
    await Deno.copyFile(path, `${path}.1`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    // On a full disk there is no old file, but room.
  }
  await Deno.truncate(path, 0);
}

/** What the last line that is an error, or the last of all, says; null: nothing. */
export async function lastReason(path: string): Promise<string | null> {
  const lines = (await tailOf(path)).split("\n").flatMap(lineOf);
  const found = lines.findLast(({ isError }) => isError) ?? lines.at(-1);
  return found?.text ?? null;
}

async function tailOf(path: string): Promise<string> {
  try {
    using file = await Deno.open(path);
    const { size } = await file.stat();
    await file.seek(Math.max(0, size - TAIL_BYTES), Deno.SeekMode.Start);
    const bytes = new Uint8Array(TAIL_BYTES);
    const length = await file.read(bytes) ?? 0;
    return new TextDecoder().decode(bytes.subarray(0, length));
  } catch {
    return "";
  }
}

interface LogLine {
  readonly isError: boolean;
  readonly text: string;
}

/** A line is JSON of zap; what the runtime says in a panic is none. */
function lineOf(line: string): readonly LogLine[] {
  try {
    const { level, msg, error } = JSON.parse(line);
    if (typeof msg !== "string") return [];
    const why = typeof error === "string" && error !== "" ? `: ${error}` : "";
    const isError = ["error", "panic", "fatal", "dpanic"].includes(level);
    return [{ isError, text: `${msg}${why}` }];
  } catch {
    return /^panic: /.test(line) ? [{ isError: true, text: line }] : [];
  }
}
