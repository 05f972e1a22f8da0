/**
 * The whole terminal of this process, for a program that draws it anew again and
 * again. However the program ends, the terminal is given back as it was.
 *
 * Source: xterm, "Control Sequences" (DEC private modes 7, 25, 1049).
 */
import type { Screen, ScreenEvent } from "./context.ts";
import { keysIn } from "./top/keys.ts";

/** Another page of the terminal, no cursor, and no line that goes on in the next row. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
/** Before the text: after a full line it would take its last character. */
const CLEAR_LINE = "\x1b[K";

const CHUNK_LENGTH = 1024;
const FALLBACK_SIZE = { columns: 80, rows: 24 };
const ENDS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const REDRAWS = ["SIGWINCH", "SIGCONT"] as const;

/** This process's terminal as a {@link Screen}; null: there is none. */
export function openProcessScreen(): Screen | null {
  const isThere = Deno.stdin.isTerminal() && Deno.stdout.isTerminal() &&
    Deno.env.get("TERM") !== "dumb";
  if (!isThere) return null;
  const screen = new ProcessScreen();
  screen.enter();
  return screen;
}

class ProcessScreen implements Screen {
  readonly isColored = (Deno.env.get("NO_COLOR") ?? "") === "";
  readonly #events: ScreenEvent[] = [];
  #waiting: (() => void) | null = null;
  #reading: Promise<void> | null = null;

  readonly #onEnd = (): void => this.#add({ kind: "end" });
  /** Who was stopped finds the terminal as the shell left it. */
  readonly #onRedraw = (): void => {
    Deno.stdin.setRaw(true);
    this.#write(ENTER);
    this.wake();
  };

  /** Takes the terminal. */
  enter(): void {
    for (const name of ENDS) Deno.addSignalListener(name, this.#onEnd);
    for (const name of REDRAWS) Deno.addSignalListener(name, this.#onRedraw);
    Deno.stdin.setRaw(true);
    this.#write(ENTER);
  }

  size(): { readonly columns: number; readonly rows: number } {
    try {
      const { columns, rows } = Deno.consoleSize();
      // A serial line does not know its size and says 0.
      return columns > 0 && rows > 0 ? { columns, rows } : FALLBACK_SIZE;
    } catch {
      return FALLBACK_SIZE;
    }
  }

  draw(lines: readonly string[]): void {
    this.#write(HOME + lines.map((each) => CLEAR_LINE + each).join("\r\n"));
  }

  wake(): void {
    if (!this.#events.some(({ kind }) => kind === "woken")) {
      this.#add({ kind: "woken" });
    }
  }

  async next(): Promise<ScreenEvent> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      this.#reading ??= this.#read();
      await new Promise<void>((resolve) => (this.#waiting = resolve));
      this.#waiting = null;
    }
  }

  /**
   * Nothing reads the terminal meanwhile: a read ends with a key, and the next
   * one begins with {@link next}.
   */
  async lend(use: () => Promise<void>): Promise<void> {
    this.close();
    try {
      await use();
    } finally {
      // What was typed ahead was not meant for the page.
      this.#events.length = 0;
      this.enter();
    }
  }

  close(): void {
    for (const name of ENDS) Deno.removeSignalListener(name, this.#onEnd);
    for (const name of REDRAWS) Deno.removeSignalListener(name, this.#onRedraw);
    try {
      Deno.stdin.setRaw(false);
      this.#write(LEAVE);
    } catch {
      // The terminal is gone: nothing is left to give back.
    }
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(CHUNK_LENGTH);
    try {
      const length = await Deno.stdin.read(buffer);
      if (length === null) return this.#add({ kind: "end" });
      const text = new TextDecoder().decode(buffer.subarray(0, length));
      for (const key of keysIn(text)) this.#add({ kind: "key", key });
    } catch {
      // The terminal is gone.
      this.#add({ kind: "end" });
    } finally {
      this.#reading = null;
    }
  }

  #add(event: ScreenEvent): void {
    this.#events.push(event);
    this.#waiting?.();
  }

  #write(text: string): void {
    let bytes = new TextEncoder().encode(text);
    while (bytes.length > 0) {
      bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
    }
  }
}
