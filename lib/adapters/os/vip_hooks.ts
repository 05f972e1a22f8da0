/**
 * Tells an operator's program of each move of a virtual address, after the move:
 * nothing waits for it, and what it does wrong is logged and nothing else. The
 * calls for one address come one after the other; of several that wait the newest
 * is made.
 */
import type { Vip, VipCommand } from "../../core/model/vip.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { runLimited } from "./run_limited.ts";

/** What has happened to an address here. */
export type VipMoved = "bound" | "released";

/** What is needed. */
interface VipHooksParts {
  readonly clock: Clock;
  readonly log: Log;
}

interface Lane {
  next: { readonly vip: Vip; readonly moved: VipMoved } | null;
  /** What was told last. */
  told: VipMoved | null;
  isRunning: boolean;
}

/** Runs `on_move`. */
export class VipHooks {
  readonly #parts: VipHooksParts;
  readonly #lanes = new Map<string, Lane>();

  constructor(parts: VipHooksParts) {
    this.#parts = parts;
  }

  /** The address has moved; what was told already is not told again. */
  moved(vip: Vip, moved: VipMoved): void {
    const key = `${vip.interface} ${vip.address}`;
    const lane = this.#lanes.get(key) ??
      { next: null, told: null, isRunning: false };
    this.#lanes.set(key, lane);
    const last = lane.next?.moved ?? lane.told;
    if (vip.onMove === null || last === moved) return;
    lane.next = { vip, moved };
    if (!lane.isRunning) this.#run(lane);
  }

  /** Never rejects. */
  async #run(lane: Lane): Promise<void> {
    lane.isRunning = true;
    while (lane.next !== null) {
      const { moved, vip }: { vip: Vip; moved: VipMoved } = lane.next;
      lane.next = null;
      lane.told = moved;
      if (vip.onMove !== null) await this.#call(vip.onMove, vip, moved);
    }
    lane.isRunning = false;
  }

  async #call(command: VipCommand, vip: Vip, moved: VipMoved): Promise<void> {
    const { clock, log } = this.#parts;
    const { address, interface: name, role } = vip;
    const words = [...command.words, moved, address, name, role];
    const end = await runLimited({ ...command, words }, {
      clock,
      env: {},
      signal: new AbortController().signal,
    });
    const said = `on_move of VIP ${address} (${words.join(" ")})`;
    switch (end.kind) {
      case "ended": {
        const text = end.output.trim();
        if (end.code === 0) return log.info(`${said} has ended`, { text });
        const what = text === "" ? "" : `: ${text.split("\n").at(-1)}`;
        return log.error(`${said} failed with code ${end.code}${what}`);
      }
      case "late":
        return log.error(
          `${said} took longer than ${
            command.timeoutMs / 1000
          } s and was killed`,
        );
      case "not_started":
        return log.error(`${said} cannot be started: ${end.why}`);
      case "aborted":
        return;
    }
  }
}
