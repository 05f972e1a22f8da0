/**
 * The document as text. Whoever can write to the server can write anything, so
 * reading takes nothing for granted: what does not fit is refused as a whole, in
 * one sentence, and never guessed at.
 */
import {
  isRevisionText,
  revision,
  type SessionId,
  sessionId,
} from "../../core/base/units.ts";
import { DcsRefusedError } from "../../ports/errors.ts";
import type {
  DocumentKey,
  DocumentSession,
  ScopeDocument,
} from "./scope_document.ts";

/** Of the text's form; a program refuses what a newer one has written. */
const FORMAT = 1;

/** A month; no lease is longer. */
const TTL_MS_MAX = 31 * 86_400_000;

const ERA_LENGTH_MAX = 500;

/** Where the document is, for messages. */
export type Where = string;

/** The text of a document. */
export function encodeDocument(document: ScopeDocument): string {
  const { era, keys, sessions } = document;
  return JSON.stringify({
    format: FORMAT,
    era,
    keys: Object.fromEntries(keys),
    sessions: Object.fromEntries(sessions),
  });
}

/**
 * The document of a text.
 *
 * @throws {DcsRefusedError} If it is none, or of a newer form.
 */
export function decodeDocument(text: string, where: Where): ScopeDocument {
  const fields = fieldsOf(parsed(text));
  const format = fields?.get("format");
  if (
    typeof format === "number" && Number.isInteger(format) && format > FORMAT
  ) {
    throw new DcsRefusedError(
      `The scope in ${where} was written by a newer version of Matriarch ` +
        `(format ${format}, this one knows ${FORMAT}): upgrade this member`,
    );
  }
  const document = fields !== null && format === FORMAT
    ? documentOf(fields)
    : null;
  if (document !== null) return document;
  throw new DcsRefusedError(
    `What is stored for the scope in ${where} is no document of Matriarch's`,
  );
}

function documentOf(fields: Fields): ScopeDocument | null {
  const era = fields.get("era");
  const keys = mapOf(fields.get("keys"), keyOf);
  const sessions = mapOf(fields.get("sessions"), sessionOf);
  if (typeof era !== "string" || era.length > ERA_LENGTH_MAX) return null;
  if (keys === null || sessions === null) return null;
  const named = new Map(
    [...sessions].map(([id, session]) => [sessionId(id), session]),
  );
  const isWhole = [...keys.values()].every(({ session }) =>
    session === null || named.has(session)
  );
  return isWhole ? { era, keys, sessions: named } : null;
}

function keyOf(fields: Fields): DocumentKey | null {
  const value = fields.get("value");
  const at = fields.get("revision");
  const session = sessionOrNull(fields.get("session"));
  const isKey = typeof value === "string" && isRevisionText(at) &&
    session !== undefined;
  return isKey ? { value, revision: revision(at), session } : null;
}

function sessionOrNull(value: unknown): SessionId | null | undefined {
  if (value === null) return null;
  return typeof value === "string" ? sessionId(value) : undefined;
}

function sessionOf(fields: Fields): DocumentSession | null {
  const renewals = fields.get("renewals");
  const ttlMs = fields.get("ttlMs");
  const isSession = isRevisionText(renewals) && typeof ttlMs === "number" &&
    ttlMs > 0 && ttlMs <= TTL_MS_MAX;
  return isSession ? { renewals: revision(renewals), ttlMs } : null;
}

type Fields = ReadonlyMap<string, unknown>;

function mapOf<T>(
  value: unknown,
  read: (fields: Fields) => T | null,
): ReadonlyMap<string, T> | null {
  const fields = fieldsOf(value);
  if (fields === null) return null;
  const result = new Map<string, T>();
  for (const [name, one] of fields) {
    const inner = fieldsOf(one);
    const item = inner === null ? null : read(inner);
    if (item === null) return null;
    result.set(name, item);
  }
  return result;
}

function fieldsOf(value: unknown): Fields | null {
  const isMap = typeof value === "object" && value !== null &&
    !Array.isArray(value);
  return isMap ? new Map<string, unknown>(Object.entries(value)) : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
