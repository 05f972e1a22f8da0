/**
 * Runs an operator's program for a limited time, with all that it starts: when
 * the time is up its whole group of processes is killed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { VipCommand } from "../../core/model/vip.ts";
import type { Clock } from "../../ports/clock.ts";

/** Of what a program says that much is kept. */
const OUTPUT_MAX = 2_000;

const REAP_MS_MAX = 500;

/** How it ended. */
export type LimitedEnd =
  | {
    readonly kind: "ended";
    /** Null: by a signal of somebody else. */
    readonly code: number | null;
    readonly output: string;
  }
  | { readonly kind: "late" | "aborted" }
  | { readonly kind: "not_started"; readonly why: string };

/** What it is run with. */
interface LimitedRun {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Variables beside those of this process. */
  readonly env: Readonly<Record<string, string>>;
}

/** Runs it. Never rejects. */
export async function runLimited(
  { timeoutMs, words: [program = "", ...args] }: VipCommand,
  { clock, env, signal }: LimitedRun,
): Promise<LimitedEnd> {
  if (signal.aborted) return { kind: "aborted" };
  const { promise, resolve } = Promise.withResolvers<LimitedEnd>();
  const child = start(program, args, env);
  if (child instanceof Error) {
    return { kind: "not_started", why: child.message };
  }
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (piece: Uint8Array) => {
      const text = new TextDecoder().decode(piece);
      output = `${output}${text}`.slice(-OUTPUT_MAX);
    });
  }
  child.once(
    "error",
    (error) => resolve({ kind: "not_started", why: error.message }),
  );
  child.once("close", (code) => resolve({ kind: "ended", code, output }));
  const gone = Promise.withResolvers<void>();
  for (const event of ["exit", "error"]) child.once(event, gone.resolve);
  const onAbort = (): void => resolve({ kind: "aborted" });
  signal.addEventListener("abort", onAbort, { once: true });
  const done = new AbortController();
  clock.sleep(timeoutMs, done.signal).then(() => resolve({ kind: "late" }));
  const end = await promise;
  done.abort();
  signal.removeEventListener("abort", onAbort);
  if (end.kind === "late" || end.kind === "aborted") {
    kill(child);
    // One that the kernel does not let die is left alone.
    const reaped = new AbortController();
    const limit = clock.sleep(REAP_MS_MAX, reaped.signal);
    await Promise.race([gone.promise, limit]);
    reaped.abort();
  }
  child.stdout?.destroy();
  child.stderr?.destroy();
  return end;
}

function start(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): ChildProcess | Error {
  try {
    return spawn(program, args, {
      detached: true,
      env: { ...Deno.env.toObject(), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function kill({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
