/**
 * Runs PostgreSQL's and the user's programs: environment, output, and an end of
 * the whole process tree when the operation is cancelled.
 */
import { join } from "node:path";
import { CancelledError, PostgresError } from "../../../ports/errors.ts";
import type { PostgresContext, ProgramName } from "../options.ts";
import { sendSignal } from "./processes.ts";

/** What to run. */
export interface ProgramCall {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /**
   * What it writes is read by this program, so its messages are in English. All
   * others speak, and sort, as the agent's environment says.
   */
  readonly output?: "parsed";
  /** Abort: TERM to the process group, KILL after 10 s. */
  readonly signal?: AbortSignal;
  /** Told the pid once it runs. */
  readonly onStart?: (pid: number) => Promise<void>;
}

/** How it ended. */
export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const KILL_AFTER_MS = 10_000;
/** How long a grandchild may keep our end of the pipe open. */
const OUTPUT_GRACE_MS = 500;

/** Path (or name for PATH) of one of PostgreSQL's programs. */
export function programPath(
  context: PostgresContext,
  name: ProgramName,
): string {
  return pathOf(context.options, name);
}

function pathOf(
  { binDir, binName }: Pick<PostgresContext["options"], "binDir" | "binName">,
  name: ProgramName,
): string {
  const file = binName[name] ?? name;
  return binDir === null ? file : join(binDir, file);
}

/** Programs without which no member can live. */
const NEEDED: readonly ProgramName[] = [
  "postgres",
  "pg_controldata",
  "pg_basebackup",
];

/**
 * Looks whether PostgreSQL's programs can be run, before anything is touched.
 *
 * @throws {PostgresError} Naming the first that cannot.
 */
export async function checkPrograms(
  options: Pick<PostgresContext["options"], "binDir" | "binName">,
): Promise<void> {
  for (const name of NEEDED) {
    const command = pathOf(options, name);
    try {
      await run({ command, args: ["--version"] });
    } catch (cause) {
      throw new PostgresError(
        `Cannot run ${command}: postgresql.bin_dir has to name the folder of ` +
          `PostgreSQL's programs`,
        { cause },
      );
    }
  }
}

/** A member that may rewind, and cannot, would find out at its first failover. */
export async function warnWithoutRewind(
  context: PostgresContext,
): Promise<void> {
  if (!context.config?.isRewindAllowed) return;
  const command = programPath(context, "pg_rewind");
  const isThere = await run({ command, args: ["--version"] })
    .then(({ code }) => code === 0, () => false);
  if (isThere) return;
  context.log.warning(
    `use_pg_rewind is on, but ${command} cannot be run: a member whose WAL ` +
      "has left the leader's cannot be repaired, only reinitialized",
  );
}

/** The agent's environment without what PostgreSQL must not inherit. */
export function childEnvironment(
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const env = Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) =>
      !name.startsWith("PATRONI_") && name !== "NOTIFY_SOCKET"
    ),
  );
  return { ...env, ...extra };
}

/**
 * The same with messages in English. LC_ALL=C would do more than that: pg_rewind
 * passes it on to the user's restore_command, which may need UTF-8.
 */
export function withEnglishMessages(
  env: Readonly<Record<string, string>>,
): Record<string, string> {
  const { LC_ALL: all, LANGUAGE: _order, ...rest } = env;
  const others = all === undefined || all === ""
    ? rest
    : { ...withoutLocale(rest), LANG: all };
  return { ...others, LC_MESSAGES: "C" };
}

/** LC_ALL stands above all of these. */
function withoutLocale(
  env: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith("LC_")),
  );
}

function environmentOf({ env, output }: ProgramCall): Record<string, string> {
  const own = childEnvironment(env);
  return output === "parsed" ? withEnglishMessages(own) : own;
}

/**
 * Runs a program to its end.
 *
 * @throws {PostgresError} If it cannot be started.
 * @throws {CancelledError} If the signal was aborted.
 */
export async function run(call: ProgramCall): Promise<ProgramResult> {
  if (call.signal?.aborted) {
    throw new CancelledError(`Not run: ${call.command}`);
  }
  const child = spawn(call);
  const stopWatching = endOnAbort(child.pid, call.signal);
  const stdout = new OutputReader(child.stdout);
  const stderr = new OutputReader(child.stderr);
  try {
    await call.onStart?.(child.pid);
    const { code } = await child.status;
    const result = {
      code,
      stdout: await stdout.finish(),
      stderr: await stderr.finish(),
    };
    if (call.signal?.aborted) {
      throw new CancelledError(`${call.command} was cancelled`);
    }
    return result;
  } finally {
    stopWatching();
  }
}

function spawn(call: ProgramCall): Deno.ChildProcess {
  try {
    return new Deno.Command(call.command, {
      args: [...call.args],
      env: environmentOf(call),
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      // A group of its own, so that a cancel reaches its children too.
      detached: true,
    }).spawn();
  } catch (cause) {
    throw new PostgresError(`Cannot run ${call.command}`, { cause });
  }
}

/** Collects a stream's text; `finish` does not wait for grandchildren. */
class OutputReader {
  #text = "";
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #done: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
    this.#done = this.#read();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      this.#text += decoder.decode(value, { stream: true });
    }
  }

  async finish(): Promise<string> {
    const timer = setTimeout(
      () => void this.#reader.cancel().catch(() => {}),
      OUTPUT_GRACE_MS,
    );
    await this.#done.catch(() => {});
    clearTimeout(timer);
    return this.#text;
  }
}

function endOnAbort(pid: number, signal: AbortSignal | undefined): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = (): void => {
    sendSignal(-pid, "SIGTERM");
    timer = setTimeout(() => sendSignal(-pid, "SIGKILL"), KILL_AFTER_MS);
  };
  signal?.addEventListener("abort", end, { once: true });
  return () => {
    signal?.removeEventListener("abort", end);
    clearTimeout(timer);
    // The leader of the group ended; what it left behind must not go on.
    if (signal?.aborted) sendSignal(-pid, "SIGKILL");
  };
}

/**
 * Runs a program and expects exit code 0.
 *
 * @throws {PostgresError} With the last lines of its error output.
 */
export async function runOrThrow(call: ProgramCall): Promise<ProgramResult> {
  const result = await run(call);
  if (result.code === 0) return result;
  throw new PostgresError(
    `${call.command} failed with exit code ${result.code}: ${
      lastLines(result.stderr || result.stdout)
    }`,
  );
}

/** The end of a program's output, in one line. */
export function lastLines(text: string, linesMax = 5): string {
  return text.trim().split("\n").slice(-linesMax).join(" | ");
}
