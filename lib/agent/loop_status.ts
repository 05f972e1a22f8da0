/** How far the loop is, for who reports it. Only the loop itself writes here. */
import { type Moment, moment } from "../core/base/units.ts";
import type { Observation } from "../core/model/observation.ts";

/** For who needs the last observation only. */
export interface Observed {
  /** What the last round looked at; null before the first. */
  readonly observation: Observation | null;
}

/** What the loop says of itself. */
export class LoopStatus implements Observed {
  observation: Observation | null = null;
  /** The last decision that was no routine. */
  sentence = "starting";
  nextCycleAt: Moment = moment(0);
}
