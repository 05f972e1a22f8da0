/**
 * A log file that is set aside when it is full: `patroni.log` becomes
 * `patroni.log.1`, that one `patroni.log.2`, and so on.
 *
 * Source: docs/contract/configuration.md 3.2; Python's RotatingFileHandler.
 */
import type { LogSink } from "./log_stream.ts";

/** Where the file is and how it grows. */
interface FileSinkOptions {
  readonly path: string;
  /** Permission bits; null: 0666 less the umask. */
  readonly mode: number | null;
  /** Older files kept; 0: the file grows for ever. */
  readonly rotatedFilesMax: number;
  /** Bytes; 0: the file grows for ever. */
  readonly rotationSizeBytes: number;
  /** Takes the lines that cannot be written. */
  readonly fallback: LogSink;
}

/** Opens the file with the first line. */
export class FileSink implements LogSink {
  readonly #options: FileSinkOptions;
  #file: Deno.FsFile | null = null;
  #sizeBytes = 0;
  #hasFailed = false;

  constructor(options: FileSinkOptions) {
    this.#options = options;
  }

  writeLine(line: string): void {
    const bytes = new TextEncoder().encode(`${line}\n`);
    try {
      this.#write(bytes);
      this.#hasFailed = false;
    } catch (error) {
      this.close();
      const { fallback, path } = this.#options;
      if (!this.#hasFailed) {
        fallback.writeLine(`Cannot write log file ${path}: ${String(error)}`);
      }
      this.#hasFailed = true;
      fallback.writeLine(line);
    }
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  #write(bytes: Uint8Array): void {
    let file = this.#file ?? this.#open();
    const { rotatedFilesMax, rotationSizeBytes } = this.#options;
    const isFull = rotatedFilesMax > 0 && rotationSizeBytes > 0 &&
      this.#sizeBytes > 0 &&
      this.#sizeBytes + bytes.length >= rotationSizeBytes;
    if (isFull) {
      this.close();
      this.#rotate();
      file = this.#open();
    }
    let rest = bytes;
    while (rest.length > 0) rest = rest.subarray(file.writeSync(rest));
    this.#sizeBytes += bytes.length;
  }

  #open(): Deno.FsFile {
    const { path, mode } = this.#options;
    const file = Deno.openSync(path, { append: true, create: true });
    this.#file = file;
    this.#sizeBytes = file.statSync().size;
    if (mode !== null) Deno.chmodSync(path, mode);
    return file;
  }

  #rotate(): void {
    const { path, rotatedFilesMax } = this.#options;
    for (let number = rotatedFilesMax; number > 0; number -= 1) {
      const from = number === 1 ? path : `${path}.${number - 1}`;
      try {
        Deno.renameSync(from, `${path}.${number}`);
      } catch (error) {
        // There are not as many older files yet.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }
}
