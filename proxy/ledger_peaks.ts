/** The highest values of late in the ledger; who reads them begins anew. */
import type { Route } from "./doors.ts";
import { type CellPlan, peakCell } from "./ledger_plan.ts";

/** Reads and forgets, for one reader only. */
export class LedgerPeaks {
  readonly #cells: Float64Array;
  readonly #plan: CellPlan;
  readonly #sums: { sessionsOn(slot: number): number };

  constructor(
    cells: SharedArrayBuffer,
    plan: CellPlan,
    sums: { sessionsOn(slot: number): number },
  ) {
    this.#cells = new Float64Array(cells);
    this.#plan = plan;
    this.#sums = sums;
  }

  /**
   * The longest wait of all sections since the last call. A wait that ends in that instant may be forgotten with it.
   */
  takeLongestWaitMs(route: Route): number {
    let longest = 0;
    const first = this.#plan.longestWait(route);
    for (
      let at = first;
      at < this.#cells.length;
      at += this.#plan.sectionCells
    ) {
      longest = Math.max(longest, this.#cells[at] ?? 0);
      this.#cells[at] = 0;
    }
    return longest;
  }

  /**
   * The most sessions at a time on a backend since the last call. For one reader
   * only; what happens in that instant may be forgotten.
   */
  takePeakSessions(slot: number): number {
    const now = this.#sums.sessionsOn(slot);
    let most = now;
    const { sectionCells } = this.#plan;
    for (let at = peakCell(slot); at < this.#cells.length; at += sectionCells) {
      most = Math.max(most, this.#cells[at] ?? 0);
      this.#cells[at] = now;
    }
    return most;
  }
}
