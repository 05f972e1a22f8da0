/**
 * The process's own streams, files and child programs, as `CliContext` wants
 * them. The only file of this folder that touches the process.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type {
  CliFiles,
  ProgramCall,
  TemporaryFile,
  Terminal,
} from "./context.ts";
import { writePrivate, writeTemporary } from "./private_file.ts";

const LINE_FEED = 10;
const CHUNK_LENGTH = 4096;

/** stdin, stdout and stderr. */
export class ProcessTerminal implements Terminal {
  readonly isOutputTty: boolean = Deno.stdout.isTerminal();
  /** Bytes read from stdin beyond the last line that was asked for. */
  #rest: Uint8Array = new Uint8Array();

  write(text: string): void {
    writeAll(Deno.stdout, text);
  }

  writeError(text: string): void {
    writeAll(Deno.stderr, text);
  }

  async readLine(): Promise<string | null> {
    const interrupt = Promise.withResolvers<null>();
    const onInterrupt = (): void => interrupt.resolve(null);
    Deno.addSignalListener("SIGINT", onInterrupt);
    try {
      return await Promise.race([this.#nextLine(), interrupt.promise]);
    } finally {
      Deno.removeSignalListener("SIGINT", onInterrupt);
    }
  }

  async readSecret(): Promise<string | null> {
    if (!Deno.stdin.isTerminal()) return await this.readLine();
    Deno.stdin.setRaw(true, { cbreak: true });
    try {
      return await this.readLine();
    } finally {
      Deno.stdin.setRaw(false);
      this.write("\n");
    }
  }

  async readAll(): Promise<string> {
    const chunks = [this.#rest];
    for (;;) {
      const chunk = await readChunk();
      if (chunk === null) break;
      chunks.push(chunk);
    }
    this.#rest = new Uint8Array();
    return await new Blob(chunks.map((chunk) => chunk.slice())).text();
  }

  async #nextLine(): Promise<string | null> {
    for (;;) {
      const end = this.#rest.indexOf(LINE_FEED);
      if (end !== -1) {
        const line = this.#rest.subarray(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return new TextDecoder().decode(line).replace(/\r$/, "");
      }
      const chunk = await readChunk();
      if (chunk === null) {
        const line = new TextDecoder().decode(this.#rest);
        this.#rest = new Uint8Array();
        return line === "" ? null : line;
      }
      const longer = new Uint8Array(this.#rest.length + chunk.length);
      longer.set(this.#rest);
      longer.set(chunk, this.#rest.length);
      this.#rest = longer;
    }
  }
}

async function readChunk(): Promise<Uint8Array | null> {
  const buffer = new Uint8Array(CHUNK_LENGTH);
  const length = await Deno.stdin.read(buffer);
  return length === null ? null : buffer.subarray(0, length);
}

function writeAll(
  stream: { writeSync(bytes: Uint8Array): number },
  text: string,
): void {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
}

/** The disk. */
export class ProcessFiles implements CliFiles {
  async readText(path: string): Promise<string | null> {
    try {
      return await Deno.readTextFile(path);
    } catch {
      // Missing, a directory or not readable: the caller says which file.
      return null;
    }
  }

  async list(path: string): Promise<readonly string[] | null> {
    try {
      const entries = await Array.fromAsync(Deno.readDir(path));
      return entries.map((entry) => entry.name);
    } catch {
      // Missing or no directory.
      return null;
    }
  }

  writeText(path: string, text: string): Promise<void> {
    return writePrivate(path, text);
  }

  appendText(path: string, text: string): Promise<void> {
    return Deno.writeTextFile(path, text, { append: true, mode: 0o600 });
  }

  async makeTemporary(
    name: { readonly prefix: string; readonly suffix: string },
    text: string,
  ): Promise<TemporaryFile> {
    const path = await writeTemporary(name, text);
    return { path, remove: () => Deno.remove(path) };
  }
}

/**
 * Runs a program in the user's terminal and waits for its end.
 *
 * @returns Its exit code; null if there is no such program.
 */
export async function runProgram(call: ProgramCall): Promise<number | null> {
  const child = spawn(call.program, [...call.args], {
    stdio: [call.input === null ? "inherit" : "pipe", "inherit", "inherit"],
  });
  // A pager that is left early closes its input: that is no error.
  child.stdin?.on("error", () => {});
  child.stdin?.end(call.input ?? "");
  try {
    const [code]: unknown[] = await once(child, "close");
    return typeof code === "number" ? code : 1;
  } catch {
    return null;
  }
}
