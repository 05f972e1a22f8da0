/**
 * Starts and stops the postmaster. It is daemonized (a session of its own), so
 * that it survives the agent; what is known of it is on disk and in /proc, so
 * that the next agent finds it again.
 *
 * Source: docs/contract/ha.md 8 and 19.1; PostgreSQL 17 manual, "Shutting Down the Server".
 */
import type { ControlState } from "../../../core/model/postgres_view.ts";
import { CancelledError, PostgresError } from "../../../ports/errors.ts";
import type {
  StartResult,
  StopMode,
  StopOptions,
  StopResult,
} from "../../../ports/postgres.ts";
import type { ControlFile } from "../directory/control_data.ts";
import type { PostgresContext } from "../options.ts";
import {
  livePostmaster,
  orphanedBackends,
  removeStalePidFile,
} from "./pid_file.ts";
import { childrenOf, processFacts, sendSignal } from "./processes.ts";
import { ProcessEnd } from "./process_end.ts";
import { childEnvironment, programPath } from "./programs.ts";
import { HoldUps, type WalReceiver } from "./wal_receivers.ts";

const POLL_MS = 20;
/** Where the kernel does not tell of an end. */
const WATCH_POLL_MS = 50;
/** Orphans notice the death of their postmaster at their next wait. */
const ORPHAN_PATIENCE_MS = 5_000;
/** A SIGQUIT is answered within 5 s: the postmaster itself kills after that. */
const IMMEDIATE_PATIENCE_MS = 6_000;

const STOP_SIGNALS: Readonly<Record<StopMode, Deno.Signal>> = {
  smart: "SIGTERM",
  fast: "SIGINT",
  immediate: "SIGQUIT",
  kill: "SIGKILL",
};

/** How to start. */
export interface StartCall {
  /** After `-D <dir>`. */
  readonly args: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Starts and stops the postmaster. */
export class Postmaster {
  readonly #context: PostgresContext;
  readonly #control: ControlFile;

  constructor(context: PostgresContext, control: ControlFile) {
    this.#context = context;
    this.#control = control;
  }

  /** Starts it, unless it runs, and waits until it accepts connections. */
  async start(call: StartCall): Promise<StartResult> {
    const running = await livePostmaster(this.#context);
    if (running !== null) return await this.#untilReady(running.pid, call);
    await this.endOrphans();
    await removeStalePidFile(this.#context);
    const child = this.#spawn(call.args);
    const ended = child.status.then(({ code }) => code, () => -1);
    const result = await this.#untilReady(child.pid, call);
    if (result.kind !== "failed") return result;
    // It is gone, but who waits for it may hear of that a moment later.
    const exitCode = await ended;
    const { listen } = this.#context.options;
    const taken = listen.hosts.find((host) => isTaken(host, listen.port));
    return {
      kind: "failed",
      detail: taken === undefined
        ? `postgres exited with code ${exitCode}`
        : `the port ${taken}:${listen.port} is in use by another program`,
    };
  }

  #spawn(args: readonly string[]): Deno.ChildProcess {
    try {
      const child = new Deno.Command(programPath(this.#context, "postgres"), {
        args: ["-D", this.#context.options.dataDir, ...args],
        env: serverEnvironment(),
        clearEnv: true,
        stdin: "null",
        stdout: "inherit",
        stderr: "inherit",
        detached: true,
      }).spawn();
      child.unref();
      return child;
    } catch (cause) {
      throw new PostgresError("Cannot run postgres", { cause });
    }
  }

  async #untilReady(pid: number, call: StartCall): Promise<StartResult> {
    const { clock } = this.#context;
    const end = clock.now() + call.timeoutMs;
    for (;;) {
      if (call.signal.aborted) throw new CancelledError("Start was cancelled");
      const file = await livePostmaster(this.#context);
      if (file?.pid === pid && /^(ready|standby)$/.test(file.status)) {
        return { kind: "running" };
      }
      if (await processFacts(pid) === null) {
        return { kind: "failed", detail: "postgres ended during its start" };
      }
      if (clock.now() >= end) return { kind: "starting" };
      await clock.sleep(POLL_MS, call.signal);
    }
  }

  /** Resolves when the postmaster of this moment has ended. */
  async untilEnd(signal: AbortSignal): Promise<void> {
    const pid = (await livePostmaster(this.#context))?.pid;
    if (pid === undefined) return;
    const start = (await processFacts(pid))?.startTicks;
    const end = ProcessEnd.open(pid);
    try {
      while (!signal.aborted) {
        const facts = await processFacts(pid);
        if (facts === null || facts.startTicks !== start) return;
        if (await end?.wait(signal)) return;
        await this.#context.clock.sleep(WATCH_POLL_MS, signal);
      }
    } finally {
      end?.close();
    }
  }

  /** Server processes without a postmaster: they may still write. */
  async endOrphans(): Promise<void> {
    const { clock, log } = this.#context;
    const end = clock.now() + ORPHAN_PATIENCE_MS;
    for (;;) {
      const pids = await orphanedBackends(this.#context);
      if (pids.length === 0) return;
      if (clock.now() >= end) {
        log.warning("Killing server processes that outlived their postmaster", {
          pids,
        });
        pids.forEach((pid) => sendSignal(pid, "SIGKILL"));
      }
      await clock.sleep(POLL_MS);
    }
  }

  /**
   * Stops it; all its processes are gone afterwards.
   *
   * @param receivers Who receives WAL; none: nobody is ended for holding it up.
   */
  async stop(
    options: StopOptions,
    receivers: readonly WalReceiver[] = [],
  ): Promise<StopResult> {
    const file = await livePostmaster(this.#context);
    if (file === null) {
      await this.endOrphans();
      return "was_down";
    }
    const stopping = new Stopping(this.#context, file.pid, options);
    await stopping.signal(options.mode);
    const holdUps = new HoldUps(this.#context, {
      postmasterPid: file.pid,
      receivers,
      onEnded: (receiver) => options.onReceiverEnded?.(receiver),
    });
    while (await this.#isAlive(file.pid)) {
      const state = await this.#control.state();
      if (state === "shut down") await this.#tellShutdown(stopping);
      await holdUps.look({
        isCheckpointed: isShutDown(state),
        isReceived: stopping.isReceived,
      });
      await stopping.escalate();
      await this.#context.clock.sleep(POLL_MS);
    }
    if (await this.#control.state() === "shut down") {
      await this.#tellShutdown(stopping);
    }
    await this.endOrphans();
    return "stopped";
  }

  async #isAlive(pid: number): Promise<boolean> {
    return (await livePostmaster(this.#context))?.pid === pid;
  }

  async #tellShutdown(stopping: Stopping): Promise<void> {
    if (!stopping.isHookDue) return;
    const data = await this.#control.readNow();
    const state: ControlState = data?.state ?? "unrecognized";
    if (data !== null && state === "shut down") {
      stopping.tell(data.checkpointLsn);
    }
  }
}

function isShutDown(state: ControlState | null): boolean {
  return state === "shut down" || state === "shut down in recovery";
}

/** Whether somebody else listens there; `*` is every address. */
function isTaken(host: string, port: number): boolean {
  try {
    const hostname = host === "*" ? "0.0.0.0" : host;
    Deno.listen({ hostname, port }).close();
    return false;
  } catch (error) {
    return error instanceof Deno.errors.AddrInUse;
  }
}

type ShutdownHook = NonNullable<StopOptions["onShutdownCheckpoint"]>;

/** One stop: its signals, its patience, and its hook that is called once. */
class Stopping {
  readonly #context: PostgresContext;
  readonly #pid: number;
  readonly #patienceMs: number | null;
  #mode: StopMode = "smart";
  #escalateAt: number | null = null;
  #hook: ShutdownHook | null;
  /** Nobody who counts still needs what is being sent. */
  isReceived: boolean;

  constructor(context: PostgresContext, pid: number, options: StopOptions) {
    this.#context = context;
    this.#pid = pid;
    this.#patienceMs = options.escalateAfterMs;
    const isOrderly = options.mode === "fast" || options.mode === "smart";
    this.#hook = isOrderly ? options.onShutdownCheckpoint : null;
    this.isReceived = this.#hook === null;
  }

  get isHookDue(): boolean {
    return this.#hook !== null;
  }

  async signal(mode: StopMode): Promise<void> {
    const { clock } = this.#context;
    this.#mode = mode;
    if (mode === "kill") return await this.#killAll();
    sendSignal(this.#pid, STOP_SIGNALS[mode]);
    const patienceMs = mode === "immediate" && this.#patienceMs !== null
      ? IMMEDIATE_PATIENCE_MS
      : this.#patienceMs;
    this.#escalateAt = patienceMs === null ? null : clock.now() + patienceMs;
  }

  /** Next harder mode, if the patience with this one is over. */
  async escalate(): Promise<void> {
    if (this.#escalateAt === null) return;
    if (this.#context.clock.now() < this.#escalateAt) return;
    const next = this.#mode === "immediate" ? "kill" : "immediate";
    this.#context.log.warning(`Stop takes too long: going on with ${next}`);
    this.#hook = null;
    await this.signal(next);
  }

  /** Postmaster first frozen, so that it starts no new process meanwhile. */
  async #killAll(): Promise<void> {
    this.#escalateAt = null;
    sendSignal(this.#pid, "SIGSTOP");
    const children = await childrenOf(this.#pid);
    for (const pid of [this.#pid, ...children]) sendSignal(pid, "SIGKILL");
  }

  tell(position: Parameters<ShutdownHook>[0]): void {
    const hook = this.#hook;
    this.#hook = null;
    if (hook === null) return;
    hook(position).then(
      () => this.isReceived = true,
      (error: unknown) =>
        this.#context.log.error("The hook of the shutdown checkpoint failed", {
          error: String(error),
        }),
    );
  }
}

/**
 * Kubernetes tells every container where its services are: nothing for sessions
 * of the database, whose extensions can read the environment.
 *
 * Source: docs/contract/configuration.md 5.
 */
function serverEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(childEnvironment())
      .filter(([name]) => !name.startsWith("KUBERNETES_")),
  );
}
