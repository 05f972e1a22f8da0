/**
 * The stream by which an agent tells proxies without access to the store where
 * clients may go: the keys that routes are made of, as server-sent events. Of the
 * `config` and `status` keys it has only what a proxy goes by, nothing that
 * `GET /cluster` would not show.
 */
import { isRevisionText, type Revision, revision } from "../base/units.ts";
import { asObject, encodeJson, parseJsonObject, readText } from "./json.ts";
import { MIGRATION_KEY } from "./migration_codec.ts";

/** Path of the REST API. */
export const ROUTES_PATH = "/routes";

/** A key as the store has it. */
export interface FedEntry {
  readonly key: string;
  readonly value: string;
  readonly revision: Revision;
}

/** A key that is gone. */
export interface FedLoss {
  readonly key: string;
  readonly revision: Revision;
}

/** One event; times in milliseconds on the agent's own monotonic clock. */
export interface FedMessage {
  /** All keys, what has changed since, or only a sign of life. */
  readonly kind: "all" | "some" | "beat";
  readonly scope: string;
  readonly sentAt: number;
  /** The store has backed all that was told by an answer to a question of then; null: by none yet. */
  readonly askedAt: number | null;
  readonly set: readonly FedEntry[];
  readonly gone: readonly FedLoss[];
}

/** Of the dynamic configuration. */
const SETTINGS = [
  ...["ttl", "loop_wait", "retry_timeout", "failsafe_mode", "pause"],
  ...["standby_cluster", "synchronous_mode"],
];

const WHOLE = new Set(["leader", "sync", "failover", MIGRATION_KEY]);

/** What of the scope's keys is told. */
export function fedEntries(
  entries: readonly FedEntry[],
): readonly FedEntry[] {
  return entries.flatMap(({ key, value, revision: at }) => {
    const told = fedValue(key, value);
    return told === null ? [] : [{ key, value: told, revision: at }];
  });
}

function fedValue(key: string, value: string): string | null {
  if (WHOLE.has(key) || key.startsWith("members/")) return value;
  const object = parseJsonObject(value);
  if (key === "status") {
    return encodeJson({ optime: object?.["optime"] ?? null });
  }
  if (key !== "config") return null;
  const told = SETTINGS.filter((name) => object?.[name] !== undefined)
    .map((name) => [
      name,
      // That there is one is enough: it may hold a password.
      name === "standby_cluster" ? { host: "told" } : object?.[name],
    ]);
  return encodeJson(Object.fromEntries(told));
}

/** The event's text. */
export function encodeFed({ kind, ...rest }: FedMessage): string {
  const { scope, sentAt, askedAt, set, gone } = rest;
  const data = encodeJson({ scope, sentAt, askedAt, set, gone });
  return `event: ${kind}\ndata: ${data}\n\n`;
}

/**
 * The event in a block of lines; null: it is none that this version knows.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { decodeFed, encodeFed } from "./route_feed_codec.ts";
 * const message = { kind: "beat", scope: "demo", sentAt: 5, askedAt: null, set: [], gone: [] } as const;
 * assert.deepEqual(decodeFed(encodeFed(message)), message);
 * ```
 */
export function decodeFed(block: string): FedMessage | null {
  const fields = new Map(
    block.split("\n").map((line) => {
      const at = line.indexOf(": ");
      return [line.slice(0, at), line.slice(at + 2)];
    }),
  );
  const kind = fields.get("event");
  if (kind !== "all" && kind !== "some" && kind !== "beat") return null;
  const object = parseJsonObject(fields.get("data") ?? "");
  if (object === null) return null;
  const { scope, sentAt, askedAt, set, gone } = object;
  if (typeof scope !== "string" || !isTime(sentAt)) return null;
  if (askedAt !== null && !isTime(askedAt)) return null;
  return {
    ...{ kind, scope, sentAt, askedAt },
    set: listOf(set).flatMap((one) => {
      const loss = lossOf(one);
      const value = readText(asObject(one)?.["value"]);
      return loss === null || value === null ? [] : [{ ...loss, value }];
    }),
    gone: listOf(gone).flatMap((one) => lossOf(one) ?? []),
  };
}

function lossOf(value: unknown): FedLoss | null {
  const object = asObject(value);
  const [key, at] = [readText(object?.["key"]), object?.["revision"]];
  return key === null || !isRevisionText(at)
    ? null
    : { key, revision: revision(at) };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
