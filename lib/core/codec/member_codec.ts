/**
 * The `members/<name>` key: what a member says of itself, read leniently and
 * written exactly in Patroni's field order.
 *
 * Also decides when a new publication is worth a write.
 */
import type { Lsn } from "../base/units.ts";
import {
  type Member,
  type MemberDoors,
  type MemberName,
  type MemberRole,
  type MemberState,
  NO_TAGS,
  type PendingRestartReason,
  type Pledging,
} from "../model/member.ts";
import type { FencingPart } from "../model/member.ts";
import { connUrl } from "./conn_url.ts";
import { readFencingPart } from "./fencing_codec.ts";
import {
  asObject,
  encodeJson,
  type JsonObject,
  parseJsonObject,
  readCount,
  readLsn,
  readScalarText,
  readText,
} from "./json.ts";
import { decodeTags } from "./tags_codec.ts";

const PORT_MAX = 65535;

type PendingRestart = Readonly<Record<string, PendingRestartReason>>;

/** What a member writes into its own key. `null`: the field is left out. */
export interface MemberPublication {
  readonly connUrl: string;
  readonly apiUrl: string;
  readonly state: MemberState;
  readonly role: MemberRole;
  /** Numeric and dotted: peers act on it. */
  readonly version: string;
  readonly proxyUrl: string | null;
  /** Ours; Patroni passes over fields that it does not know. */
  readonly doors: MemberDoors | null;
  /** Ours as well. */
  readonly pledging: Pledging | null;
  readonly fencing: FencingPart | null;
  readonly isCheckpointAfterPromotePending: boolean;
  /** The published form, see `decodeTags`. Left out when empty. */
  readonly tags: JsonObject;
  readonly pendingRestart: PendingRestart | null;
  readonly xlogLsn: Lsn | null;
  readonly replayedLsn: Lsn | null;
  readonly receivedLsn: Lsn | null;
  readonly replicationState: string | null;
  /** 0 or `null`: unknown. */
  readonly timeline: number | null;
  readonly scheduledRestart: JsonObject | null;
  readonly isPaused: boolean;
}

const ROLES: ReadonlyMap<unknown, MemberRole> = new Map<unknown, MemberRole>([
  ["primary", "primary"],
  ["master", "primary"],
  ["standby_leader", "standby_leader"],
  ["replica", "replica"],
  ["demoted", "demoted"],
  ["promoted", "promoted"],
  ["uninitialized", "uninitialized"],
]);

const STATES: ReadonlyMap<unknown, MemberState> = new Map(
  ([
    "initializing new cluster",
    "initdb failed",
    "running custom bootstrap script",
    "custom bootstrap failed",
    "creating replica",
    "running",
    "starting",
    "starting after custom bootstrap",
    "start failed",
    "restarting",
    "restart failed",
    "stopping",
    "stopped",
    "stop failed",
    "crashed",
  ] as const).map((state) => [state, state]),
);

/**
 * The member behind a key; a value that cannot be read leaves its name only.
 *
 * Source: docs/contract/dcs.md 3.4 and 4.
 */
export function decodeMember(name: MemberName, text: string): Member {
  const data = memberData(text);
  return {
    name,
    connUrl: readText(data["conn_url"]) ?? urlFromParts(data["conn_kwargs"]),
    apiUrl: readText(data["api_url"]),
    proxyUrl: readText(data["proxy_url"]),
    doors: readDoors(data["doors"]),
    pledging: readPledging(data["pledging"]),
    fencing: readFencingPart(data["fencing"]),
    state: STATES.get(data["state"]) ?? "unknown",
    role: ROLES.get(data["role"]) ?? null,
    version: readText(data["version"]),
    timeline: positive(readCount(data["timeline"])),
    xlogLsn: readLsn(data["xlog_location"]),
    receivedLsn: readLsn(data["receive_lsn"]),
    replayedLsn: readLsn(data["replay_lsn"]),
    replicationState: readText(data["replication_state"]),
    tags: data["tags"] === undefined ? NO_TAGS : decodeTags(data["tags"]),
    isCheckpointAfterPromotePending: data["checkpoint_after_promote"] === false,
    pendingRestart: readPendingRestart(data),
    scheduledRestart: asObject(data["scheduled_restart"]),
    isPaused: data["pause"] === true,
  };
}

/** Compact JSON of a publication, fields in the order of docs/contract/dcs.md 3.4. */
export function encodeMember(publication: MemberPublication): string {
  const p = publication;
  const hasTags = Object.keys(p.tags).length > 0;
  return encodeJson({
    conn_url: p.connUrl,
    api_url: p.apiUrl,
    state: p.state,
    role: p.role,
    version: p.version,
    proxy_url: p.proxyUrl ?? undefined,
    doors: p.doors ?? undefined,
    pledging: p.pledging ?? undefined,
    fencing: p.fencing ?? undefined,
    checkpoint_after_promote: p.isCheckpointAfterPromotePending
      ? false
      : undefined,
    tags: hasTags ? p.tags : undefined,
    ...pendingRestartFields(p.pendingRestart),
    xlog_location: p.xlogLsn ?? undefined,
    replay_lsn: p.replayedLsn || undefined,
    receive_lsn: p.receivedLsn || undefined,
    replication_state: p.replicationState ?? undefined,
    timeline: p.timeline || undefined,
    scheduled_restart: p.scheduledRestart ?? undefined,
    pause: p.isPaused ? true : undefined,
  });
}

/**
 * Whether writing `newText` over `storedText` would tell nobody anything new:
 * maps are compared field by field, all else by its text.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(isSamePublication('{"a":1,"b":2}', '{"b":"2","a":1}'), true);
 * assert.equal(isSamePublication('{"a":1}', '{"a":1,"b":2}'), false);
 * ```
 *
 * Source: docs/contract/dcs.md 3.4, write rule.
 */
export function isSamePublication(
  storedText: string,
  newText: string,
): boolean {
  if (storedText === newText) return true;
  const stored = parseJsonObject(storedText);
  const fresh = parseJsonObject(newText);
  if (stored === null || fresh === null) return false;
  try {
    return isSameValue(stored, fresh);
  } catch {
    // Nested too deeply to compare: not our text, write over it.
    return false;
  }
}

function isSameValue(a: unknown, b: unknown): boolean {
  const left = asObject(a);
  const right = asObject(b);
  if (left === null || right === null) {
    return left === right && scalarText(a) === scalarText(b);
  }
  const names = Object.keys(left);
  return names.length === Object.keys(right).length &&
    names.every((name) =>
      Object.hasOwn(right, name) && isSameValue(left[name], right[name])
    );
}

function scalarText(value: unknown): string {
  return Array.isArray(value) ? encodeJson(value) : String(value);
}

function memberData(text: string): JsonObject {
  const document = parseJsonObject(text);
  if (document !== null) return document;
  return text.startsWith("postgres") ? governorData(text) : {};
}

/** Patroni's forerunner stored one URL, the API's inside it. */
function governorData(url: string): JsonObject {
  const [base, query] = url.split("?", 2);
  const apiUrl = new URLSearchParams(query ?? "").get("application_name");
  return { conn_url: base, api_url: apiUrl };
}

function urlFromParts(value: unknown): string | null {
  const parts = asObject(value);
  const host = readText(parts?.["host"]);
  if (host === null) return null;
  return connUrl({ host, port: readCount(parts?.["port"]) ?? 5432 });
}

function readDoors(value: unknown): MemberDoors | null {
  const ports = asObject(value);
  const primary = readPort(ports?.["primary"]);
  const replica = readPort(ports?.["replica"]);
  return primary === null || replica === null ? null : { primary, replica };
}

function readPledging(value: unknown): Pledging | null {
  return value === "ready" || value === "behind" ? value : null;
}

function readPort(value: unknown): number | null {
  const port = positive(readCount(value));
  return port !== null && port <= PORT_MAX ? port : null;
}

function positive(value: number | null): number | null {
  return value !== null && value > 0 ? value : null;
}

function readPendingRestart(data: JsonObject): PendingRestart | null {
  if (data["pending_restart"] !== true) return null;
  const reasons = asObject(data["pending_restart_reason"]) ?? {};
  return Object.fromEntries(
    Object.entries(reasons).map(([name, value]) => {
      const reason = asObject(value);
      const oldValue = readScalarText(reason?.["old_value"]) ?? "";
      const newValue = readScalarText(reason?.["new_value"]) ?? "";
      return [name, { oldValue, newValue }];
    }),
  );
}

function pendingRestartFields(pending: PendingRestart | null): JsonObject {
  if (pending === null) return {};
  const reasons = Object.entries(pending).map(([name, reason]) => [
    name,
    { old_value: reason.oldValue, new_value: reason.newValue },
  ]);
  return {
    pending_restart: true,
    pending_restart_reason: Object.fromEntries(reasons),
  };
}
