/**
 * Looks at the local instance from outside and stops it, without a connection
 * and without the agent's knowledge. A process counts as the postmaster only if
 * its program is PostgreSQL's and it works in this data directory; so a reused
 * process id is never signalled.
 *
 * Source: PostgreSQL 17 manual, "Shutting Down the Server".
 */
import { join } from "node:path";
import type {
  FencedInstance,
  FenceStopMode,
} from "../../../core/model/fence.ts";
import type { FencedServer } from "../../../ports/fence.ts";
import {
  livePostmaster,
  orphanedBackends,
  type PidFile,
  type ServerPlace,
} from "./pid_file.ts";
import { childrenOf, processFacts, sendSignal } from "./processes.ts";

const SIGNALS = { fast: "SIGINT", immediate: "SIGQUIT" } as const;

/** A postmaster that was seen alive; the two numbers name it for ever. */
interface Known {
  readonly pid: number;
  readonly startTicks: number;
}

/** Looks at the local instance from outside, and stops it. */
export class FencedPostgres implements FencedServer {
  readonly #place: ServerPlace;
  #known: Known | null = null;

  constructor(place: ServerPlace) {
    this.#place = place;
  }

  /** @param file Of the postmaster, if somebody has just found it alive. */
  async remember(file?: PidFile): Promise<void> {
    if (file === undefined) await this.#postmaster();
    else await this.#note(file);
  }

  async look(): Promise<FencedInstance> {
    const pid = await this.#postmaster();
    if (pid === null) {
      const orphans = await orphanedBackends(this.#place);
      return orphans.length === 0 ? "down" : "running";
    }
    return await this.#isStandby() ? "standby" : "running";
  }

  async stop(mode: FenceStopMode): Promise<void> {
    const pid = await this.#postmaster();
    if (mode !== "kill") {
      if (pid !== null) sendSignal(pid, SIGNALS[mode]);
      return;
    }
    const rest = pid === null
      ? await orphanedBackends(this.#place)
      : await freeze(pid);
    for (const one of rest) await killWithGroup(one);
  }

  /** By its pid file; without one (the directory is gone) the one that was seen before. */
  async #postmaster(): Promise<number | null> {
    const file = await livePostmaster(this.#place);
    if (file !== null) {
      await this.#note(file);
      return file.pid;
    }
    if (this.#known === null) return null;
    const { pid, startTicks } = this.#known;
    const facts = await processFacts(pid);
    if (facts?.startTicks === startTicks) return pid;
    this.#known = null;
    return null;
  }

  async #note({ pid }: PidFile): Promise<void> {
    const facts = await processFacts(pid);
    if (facts !== null) this.#known = { pid, startTicks: facts.startTicks };
  }

  async #isStandby(): Promise<boolean> {
    const path = join(this.#place.options.dataDir, "standby.signal");
    return await Deno.stat(path).then(() => true, () => false);
  }
}

/** The postmaster stands still first, so that it starts no new process meanwhile. */
async function freeze(pid: number): Promise<readonly number[]> {
  sendSignal(pid, "SIGSTOP");
  return [pid, ...await childrenOf(pid)];
}

/** With the programs that it started, if it leads a group of its own. */
async function killWithGroup(pid: number): Promise<void> {
  const facts = await processFacts(pid);
  sendSignal(pid, "SIGKILL");
  if (facts?.groupId === pid) sendSignal(-pid, "SIGKILL");
}
