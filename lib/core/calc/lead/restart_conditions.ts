/**
 * Whether a restart that was asked for with conditions fits this member now, and
 * how one that waits is published.
 */
import type { JsonObject } from "../../codec/json.ts";
import type { MemberRole } from "../../model/member.ts";
import type { PostgresView } from "../../model/postgres_view.ts";
import type { RestartFilters, ScheduledRestart } from "../../model/request.ts";

/** The refusal's text, or null if all conditions hold. Source: docs/contract/ha.md 9.1. */
export function restartRefusal(
  status: { readonly role: MemberRole; readonly postgres: PostgresView },
  filters: RestartFilters,
): string | null {
  const { postgres } = status;
  const running = postgres.kind === "running" ? postgres : null;
  const isRoleWrong = filters.role !== null && filters.role !== status.role;
  const wanted = versionNumber(filters.postgresVersion);
  const isNewEnough = wanted !== null && running !== null &&
    running.serverVersion >= wanted;
  const isNothingPending = filters.isPendingOnly &&
    Object.keys(running?.pendingRestart ?? {}).length === 0;
  return isRoleWrong || isNewEnough || isNothingPending
    ? "restart conditions are not satisfied"
    : null;
}

/** `16.4` as 160004, `9.6.24` as 90624; null stays null. */
function versionNumber(text: string | null): number | null {
  if (text === null) return null;
  const [major = 0, minor = 0, patch = 0] = text.split(".").map(Number);
  return major >= 10 ? major * 10_000 + minor : major * 10_000 + minor * 100 +
    patch;
}

/** The request as it was made, with its time. Source: docs/contract/dcs.md 3.4. */
export function restartDocument(
  restart: ScheduledRestart,
  postmasterStartTime?: string,
): JsonObject {
  const { filters, schedule } = restart;
  return {
    role: filters.role ?? undefined,
    postgres_version: filters.postgresVersion ?? undefined,
    restart_pending: filters.isPendingOnly ? true : undefined,
    timeout: filters.timeoutMs === null ? undefined : filters.timeoutMs / 1000,
    schedule,
    postmaster_start_time: postmasterStartTime,
  };
}
