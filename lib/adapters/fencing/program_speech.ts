/** What a program says, line by line, as far as anybody wants to read it. */
import type { Readable } from "node:stream";

/** More lines are not kept. */
const LINES_MAX = 40;
/** Of one line; the rest is left out. */
const LENGTH_MAX = 300;
/** Of all that comes; what follows is thrown away unread. */
const BYTES_MAX = 65_536;

/** Collects the lines of several streams. */
export class ProgramSpeech {
  readonly #lines: string[] = [];
  #bytes = 0;
  #isCut = false;

  constructor(streams: readonly (Readable | null)[]) {
    for (const stream of streams) this.#listen(stream);
  }

  /** What was said until now; without control characters. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** The last line; empty if nothing was said. */
  get last(): string {
    return this.#lines.at(-1) ?? "";
  }

  /** Something was left out. */
  get isCut(): boolean {
    return this.#isCut;
  }

  #listen(stream: Readable | null): void {
    let rest = "";
    stream?.setEncoding("utf8");
    stream?.on("data", (part: string) => {
      this.#bytes += part.length;
      if (this.#bytes > BYTES_MAX) {
        this.#isCut = true;
        return;
      }
      const pieces = (rest + part).split("\n");
      rest = pieces.pop() ?? "";
      for (const piece of pieces) this.#add(piece);
    });
    stream?.on("end", () => this.#add(rest));
  }

  #add(text: string): void {
    const line = printable(text);
    if (line === "") return;
    if (this.#lines.length >= LINES_MAX) {
      this.#isCut = true;
      return;
    }
    if (line.length > LENGTH_MAX) this.#isCut = true;
    this.#lines.push(line.slice(0, LENGTH_MAX));
  }
}

/** One blank for blanks, control characters and what turns the direction of text. */
function printable(text: string): string {
  return text.replace(/[\s\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]+/gu, " ").trim();
}
