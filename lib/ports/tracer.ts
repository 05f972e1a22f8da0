/** Who carries traces to people's own collector. */
import type { EndedSpan } from "../core/model/span.ts";

/** Takes traces; nobody waits for it. */
export interface Tracer {
  /** A whole trace. Returns at once and never throws; what cannot be delivered is logged. */
  tell(root: EndedSpan): void;
}
