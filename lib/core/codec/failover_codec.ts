/** The `failover` key: an operator's request to the whole scope. */
import type { Revision } from "../base/units.ts";
import type { FailoverRequest } from "../model/cluster_view.ts";
import { asObject, encodeJson, parseJson, readText } from "./json.ts";

/** What is written into `failover`; all `null` cancels the request. */
export type FailoverPublication = Omit<FailoverRequest, "revision">;

/** The value that cancels a request; the key itself is never deleted. */
export const NO_FAILOVER_VALUE = "{}";

/**
 * The request in the key, or `null` if it asks for nothing.
 *
 * Text that is no JSON is the old `leader:candidate` form.
 *
 * Source: docs/contract/dcs.md 3.8 and 4; Patroni 4.1.4 `dcs/__init__.py`, Failover.
 */
export function decodeFailover(
  text: string,
  revision: Revision,
): FailoverRequest | null {
  const value = parseJson(text);
  const document = value === undefined ? legacyRequest(text) : asObject(value);
  const leader = readText(document?.["leader"]);
  const candidate = readText(document?.["member"]);
  if (document === null || (leader === null && candidate === null)) return null;
  const scheduledAt = readText(document["scheduled_at"]);
  return { leader, candidate, scheduledAt, revision };
}

/**
 * Compact JSON of a request; fields that are `null` are left out.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(
 *   encodeFailover({ leader: null, candidate: "n2", scheduledAt: null }),
 *   '{"member":"n2"}',
 * );
 * ```
 */
export function encodeFailover(request: FailoverPublication): string {
  return encodeJson({
    leader: request.leader ?? undefined,
    member: request.candidate ?? undefined,
    scheduled_at: request.scheduledAt ?? undefined,
  });
}

function legacyRequest(text: string): Readonly<Record<string, string>> {
  const [leader, member] = text.split(":").map((part) => part.trim());
  return { leader: leader ?? "", member: member ?? "" };
}
