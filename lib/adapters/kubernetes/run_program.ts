/**
 * Runs a login program: nobody is there to talk to it, and it may not take for
 * ever. Ends it with all that it started.
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { timerMs } from "../../core/base/units.ts";
import { execInfo } from "./exec_credential.ts";
import type { LoginProgram } from "./options.ts";

/** Certificates are some kilobytes. */
const TEXT_LENGTH_MAX = 1 << 20;
/** From the end of the program to the end of its streams. */
const DRAIN_MS = 500;
/** From SIGKILL to giving the program up. */
const KILL_MS = 2_000;
/** Of its complaint, in an error. */
const SHOWN_LENGTH_MAX = 200;

/**
 * What the program printed.
 *
 * @throws {Error} With the rest of a sentence that begins with the program, if it
 * cannot be started, fails, or takes longer than `timeoutMs`.
 */
export async function runLoginProgram(
  program: LoginProgram,
  { timeoutMs, closing }: {
    readonly timeoutMs: number;
    readonly closing: AbortSignal;
  },
): Promise<string> {
  if (closing.aborted) throw new Error("was not started: the client is closed");
  const child = start(program);
  const { promise, reject } = Promise.withResolvers<never>();
  let reason: string | null = null;
  let patience: ReturnType<typeof setTimeout> | undefined;
  // Nobody goes on before it is gone, unless not even SIGKILL ends it.
  const give = (why: string): void => {
    if (reason !== null) return;
    reason = why;
    endGroup(child);
    patience = setTimeout(() => reject(new Error(why)), KILL_MS);
  };
  const onClose = (): void => give("was ended: the client is closed");
  const timer = setTimeout(
    () => give(`gave no answer within ${timeoutMs / 1000} s`),
    timerMs(timeoutMs),
  );
  closing.addEventListener("abort", onClose, { once: true });
  try {
    return await Promise.race([answerOf(child, give), promise]);
  } catch (error) {
    throw reason === null ? error : new Error(reason);
  } finally {
    clearTimeout(timer);
    clearTimeout(patience);
    closing.removeEventListener("abort", onClose);
  }
}

function start(program: LoginProgram): ChildProcess {
  try {
    return spawn(program.command, program.args, {
      // A group of its own: it is ended with its children.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...inherited(),
        ...program.env,
        KUBERNETES_EXEC_INFO: execInfo(program),
      },
    });
  } catch (error) {
    throw unstartable(error);
  }
}

/** The agent's passwords, and its line to systemd, are no business of a login program. */
function inherited(): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) =>
      !name.startsWith("PATRONI_") && name !== "NOTIFY_SOCKET"
    ),
  );
}

/** Resolves once the program has ended well. */
function answerOf(
  child: ChildProcess,
  give: (why: string) => void,
): Promise<string> {
  const output = collected(child.stdout, give);
  const complaint = collected(child.stderr, give);
  return new Promise((resolve, reject) => {
    let draining: ReturnType<typeof setTimeout> | undefined;
    const end = (code: number | null, signal: string | null): void => {
      clearTimeout(draining);
      child.stdout?.destroy();
      child.stderr?.destroy();
      if (code === 0) return resolve(output());
      const how = code === null ? `by ${signal}` : `with code ${code}`;
      const said = shown(complaint());
      reject(new Error(`ended ${how}${said === "" ? "" : `: ${said}`}`));
    };
    child.once("error", (error) => reject(unstartable(error)));
    child.once("close", end);
    // What it left running in the background may hold the streams open.
    child.once("exit", (code, signal) => {
      draining = setTimeout(() => end(code, signal), DRAIN_MS);
    });
  });
}

/** The text of a stream so far. */
function collected(
  stream: ChildProcess["stdout"],
  give: (why: string) => void,
): () => string {
  let text = "";
  stream?.setEncoding("utf8");
  stream?.on("data", (part: string) => {
    text += part;
    if (text.length > TEXT_LENGTH_MAX) give("prints without end");
  });
  return () => text;
}

function unstartable(error: unknown): Error {
  const why = error instanceof Error ? error.message : String(error);
  return new Error(`cannot be started: ${shown(why)}`, { cause: error });
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // All of it has ended.
  }
}

/** The last line: what comes before is how it got there. */
function shown(text: string): string {
  const line = text.trim().split("\n").at(-1) ?? "";
  const printable = line.replace(/[^\x20-\x7e\u00a0-\uffff]+/g, " ").trim();
  return printable.length > SHOWN_LENGTH_MAX
    ? `${printable.slice(0, SHOWN_LENGTH_MAX)}...`
    : printable;
}
