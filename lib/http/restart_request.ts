/**
 * Reads the body of POST /restart: filters in the order in which they stand in
 * the body, the first one at fault ends it.
 *
 * Source: docs/contract/rest-api.md 10.
 */
import { parseInteger } from "../core/base/scalars.ts";
import type { JsonObject } from "../core/codec/json.ts";
import type { RestartFilters } from "../core/model/request.ts";
import { judgeSchedule } from "./manual_failover.ts";
import { pythonJson } from "../patroni/python_json.ts";
import { restartBody } from "./schemas.ts";

/** A restart as asked for. */
export type RestartRequest =
  | {
    readonly kind: "accepted";
    readonly filters: RestartFilters;
    /** ISO 8601; null: now. */
    readonly scheduledAt: string | null;
  }
  | {
    readonly kind: "refused";
    readonly status: number;
    readonly text: string;
  };

type Accepted = Extract<RestartRequest, { kind: "accepted" }>;

const NO_FILTERS: RestartFilters = {
  role: null,
  postgresVersion: null,
  isPendingOnly: false,
  timeoutMs: null,
};

/** Reads and checks the body. */
export function readRestart(
  body: JsonObject,
  wallTimeMs: number,
): RestartRequest {
  let request: Accepted = {
    kind: "accepted",
    filters: NO_FILTERS,
    scheduledAt: null,
  };
  for (const [key, value] of Object.entries(body)) {
    const next = key === "schedule"
      ? withSchedule(request, value, wallTimeMs)
      : withFilter(request, key, value);
    if (next.kind === "refused") return next;
    request = next;
  }
  return request;
}

function withSchedule(
  request: Accepted,
  value: unknown,
  wallTimeMs: number,
): RestartRequest {
  const text = typeof value === "string" ? value : "";
  const schedule = judgeSchedule(text, "restart", wallTimeMs);
  return schedule.kind === "refused"
    ? { kind: "refused", ...schedule.refusal }
    : { ...request, scheduledAt: schedule.iso };
}

function withFilter(
  request: Accepted,
  key: string,
  value: unknown,
): RestartRequest {
  switch (key) {
    case "role":
      return withRole(request, value);
    case "postgres_version":
      return withVersion(request, value);
    case "timeout": {
      const seconds = parseInteger(value, "s");
      if (seconds === null || !(seconds > 0) || seconds === Infinity) {
        return refused("Timeout should be a positive number of seconds");
      }
      return withFilters(request, { timeoutMs: seconds * 1000 });
    }
    case "restart_pending":
      // The key's presence counts, whatever its value.
      return withFilters(request, { isPendingOnly: true });
    default:
      return refused(`Unknown filter for the scheduled restart: ${key}`);
  }
}

function withRole(request: Accepted, value: unknown): RestartRequest {
  const { data: role } = restartBody.shape.role.safeParse(value);
  return role === undefined
    ? refused(
      "PostgreSQL role should be either primary, standby_leader, or replica",
    )
    : withFilters(request, { role });
}

function withVersion(request: Accepted, value: unknown): RestartRequest {
  const text = typeof value === "string" ? value : pythonJson(value);
  if (!/^\s*\d+\s*(\.\s*\d+\s*)*$/.test(text)) {
    return refused(`Invalid PostgreSQL version: ${text}`);
  }
  const parts = text.split(".").map(Number);
  const isShort = parts.length < 2 ||
    (parts.length === 2 && (parts[0] ?? 0) < 10);
  if (isShort || parts.length > 3) {
    return refused(
      `Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: ${text}`,
    );
  }
  return withFilters(request, { postgresVersion: text.replaceAll(" ", "") });
}

function withFilters(
  request: Accepted,
  more: Partial<RestartFilters>,
): RestartRequest {
  return { ...request, filters: { ...request.filters, ...more } };
}

function refused(text: string): RestartRequest {
  return { kind: "refused", status: 400, text };
}
