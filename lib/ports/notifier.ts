/** Who carries messages to people's own services. */
import type { Notice } from "../core/model/notice.ts";

/** Takes messages; nobody waits for it. */
export interface Notifier {
  /** Returns at once and never throws; what cannot be delivered is logged. */
  tell(notice: Notice): void;
}
