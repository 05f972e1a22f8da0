/** As what an instance comes back that is restarted. */
import type { MemberRole } from "../../model/member.ts";
import type { ControlState, PostgresView } from "../../model/postgres_view.ts";

/** A server in one of these states is no primary. */
const RECOVERY: readonly ControlState[] = [
  "in archive recovery",
  "shut down in recovery",
];

/**
 * Whether the instance starts in recovery. One that does not answer comes back as
 * what it was; when nobody knows what that is, it must not be a primary.
 *
 * @param view The last look, before it is stopped.
 * @param role What it was when it answered last.
 */
export function isRestartedAsStandby(
  view: PostgresView,
  role: MemberRole,
): boolean {
  switch (view.kind) {
    case "running":
      return view.role === "replica";
    case "stopped":
    case "starting":
      return view.isStandby;
    case "unresponsive": {
      const isInRecovery = view.control !== null &&
        RECOVERY.includes(view.control.state);
      return isInRecovery || role !== "primary";
    }
    case "empty":
    case "unusable":
      return true;
  }
}
