/**
 * {@link FencingCommand} as a program of the user's: started without a shell, in a
 * process group of its own, ended with all that it started when it takes too
 * long, and with all that it left behind when it is done. What it says goes to
 * the log, bounded and without control characters.
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { timerMs } from "../../core/base/units.ts";
import { CancelledError } from "../../ports/errors.ts";
import type { FencingCommand, FencingOrder } from "../../ports/fencing.ts";
import type { Log } from "../../ports/log.ts";
import { fencingPath } from "./fencing_path.ts";
import { ProgramSpeech } from "./program_speech.ts";

/** From the end of the program to the end of its streams. */
const DRAIN_MS = 500;

/** What is configured. */
export interface FencingOptions {
  /** Words of the command, asked at every run so that a reload takes effect. */
  readonly command: () => readonly string[];
  readonly log: Pick<Log, "info" | "warning">;
}

/** Runs the configured program. */
export class FencingProgram implements FencingCommand {
  readonly #options: FencingOptions;

  constructor(options: FencingOptions) {
    this.#options = options;
  }

  async run(
    order: FencingOrder,
    { timeoutMs, signal }: {
      readonly timeoutMs: number;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    const { command, log } = this.#options;
    const [program, ...args] = wordsFor(command(), order);
    if (program === undefined) throw new Error("fencing.command is empty");
    if (signal.aborted) throw new CancelledError("fencing");
    const child = start(program, args, order);
    const speech = new ProgramSpeech([child.stdout, child.stderr]);
    const { promise: givenUp, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(new CancelledError("fencing"));
    const timer = setTimeout(
      () => reject(new Error(`${program} took longer than ${timeoutMs} ms`)),
      timerMs(timeoutMs),
    );
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([ended(child, program), givenUp]);
    } catch (error) {
      throw withSpeech(error, speech.last);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      endGroup(child);
      child.stdout?.destroy();
      child.stderr?.destroy();
      for (const line of speech.lines) log.info(`Fencing command: ${line}`);
      if (speech.isCut) log.warning("Fencing command: it said more than that");
    }
  }
}

/** The words with what stands for the host put in; each stays one word. */
function wordsFor(
  words: readonly string[],
  { scope, host, address, by, reason }: FencingOrder,
): readonly string[] {
  const values: Readonly<Record<string, string | null>> = {
    ...{ scope, by, reason },
    member: host,
    address,
  };
  return words.map((word) =>
    word.replace(/\{(member|address|scope|by|reason)\}/g, (whole, name) => {
      const value = values[name] ?? null;
      if (value === null || value === "") {
        throw new Error(`${whole} of fencing.command is not known of ${host}`);
      }
      // It would be taken for an option, and must not end anything else.
      if (value.startsWith("-")) {
        throw new Error(`${whole} of fencing.command would begin with "-"`);
      }
      return value;
    })
  );
}

function start(
  program: string,
  args: readonly string[],
  order: FencingOrder,
): ChildProcess {
  try {
    return spawn(program, args, {
      // A group of its own: it is ended with its children.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...inherited(), PATH: fencingPath(), ...variablesOf(order) },
    });
  } catch (error) {
    throw unstartable(program, error);
  }
}

function variablesOf(
  { scope, host, address, by, attempt, reason }: FencingOrder,
): Record<string, string> {
  return {
    FENCE_SCOPE: scope,
    FENCE_MEMBER: host,
    FENCE_ADDRESS: address ?? "",
    FENCE_BY: by,
    FENCE_ATTEMPT: String(attempt),
    FENCE_REASON: reason,
  };
}

/** The agent's passwords, and its line to systemd, are no business of the program. */
function inherited(): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) =>
      !name.startsWith("PATRONI_") && !name.startsWith("MATRIARCH_") &&
      name !== "NOTIFY_SOCKET"
    ),
  );
}

/** Resolves once the program has ended well. */
function ended(child: ChildProcess, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let draining: ReturnType<typeof setTimeout> | undefined;
    const end = (code: number | null, signal: string | null): void => {
      clearTimeout(draining);
      if (code === 0) return resolve();
      const how = code === null ? `by ${signal}` : `with code ${code}`;
      reject(new Error(`${program} ended ${how}`));
    };
    child.once("error", (error) => reject(unstartable(program, error)));
    child.once("close", end);
    // What it left running in the background may hold the streams open.
    child.once("exit", (code, signal) => {
      draining = setTimeout(() => end(code, signal), DRAIN_MS);
    });
  });
}

function unstartable(program: string, error: unknown): Error {
  const why = error instanceof Error ? error.message : String(error);
  return new Error(`${program} cannot be started: ${why}`, { cause: error });
}

function withSpeech(error: unknown, said: string): unknown {
  return said === "" || !(error instanceof Error) ||
      error instanceof CancelledError
    ? error
    : new Error(`${error.message}: ${said}`, { cause: error });
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // All of it has ended.
  }
}
