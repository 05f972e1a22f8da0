/** One server of a store: started, waited for, and ended if that is in vain. */
import { type CommandLine, startChild, stopChild } from "../processes.ts";
import { waitFor } from "../wait.ts";
import type { RunningStore } from "./store.ts";

const STOP_MS = 5_000;
const START_MS = 60_000;

/** A server as it is started. */
export interface ServerPlan extends CommandLine {
  /** Its files; also its mark, see `processes.ts`. */
  readonly directory: string;
  /** What is waited for, as it reads in an error. */
  readonly what: string;
  /** Null, or an error: not yet. */
  readonly isReady: () => Promise<true | null>;
}

/** @throws {LabTimeoutError} If it does not serve within a minute. */
export async function startServer(
  { directory, what, isReady, ...command }: ServerPlan,
): Promise<RunningStore> {
  const child = startChild({
    ...command,
    mark: directory,
    cwd: directory,
    logPath: `${directory}/server.log`,
  });
  const stop = (): Promise<void> => stopChild(child, STOP_MS);
  try {
    await waitFor(what, isReady, { timeoutMs: START_MS });
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
