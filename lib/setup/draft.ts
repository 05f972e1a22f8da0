/**
 * What is about to be written, kept in one file until all of it has been: whoever
 * pulls the plug in between calls the same command again, and it goes on where it
 * was. The draft is the first file that is written and the last that is removed.
 */
import { asObject, parseJsonObject, readText } from "../core/codec/json.ts";
import type { FileOwner, SetupFile } from "../ports/setup.ts";
import { type AdoptedServer, decodeAdopted } from "./adopt/adopted_server.ts";
import { isPlainName } from "./blueprint.ts";

/** A host that is being set up. */
export type Draft =
  /** `join` has asked for a certificate; the answer may be lost. */
  | AskedDraft
  /** All files are decided. */
  | DecidedDraft;

/** Before the answer. */
export interface AskedDraft {
  readonly kind: "asked";
  readonly name: string;
  /** The key of the request, PEM. */
  readonly key: string;
  readonly request: string;
}

/** After it. */
export interface DecidedDraft {
  readonly kind: "decided";
  readonly scope: string;
  readonly name: string;
  readonly files: readonly SetupFile[];
  /** A server that was there and is taken over; null: none. */
  readonly adopted: AdoptedServer | null;
}

/** The draft as a file has it. */
export function encodeDraft(draft: Draft): string {
  return `${JSON.stringify(draft, null, 1)}\n`;
}

/** Null: there is none that can be read, as a half-written one cannot exist. */
export function decodeDraft(text: string | null): Draft | null {
  const fields = text === null ? null : parseJsonObject(text);
  const name = readText(fields?.["name"]);
  if (fields === null || name === null || !isPlainName(name)) return null;
  if (fields["kind"] === "asked") {
    const key = readText(fields["key"]);
    const request = readText(fields["request"]);
    if (key === null || request === null) return null;
    return { kind: "asked", name, key, request };
  }
  const scope = readText(fields["scope"]);
  const files = fields["files"];
  if (scope === null || !Array.isArray(files)) return null;
  const read = files.flatMap(decodeFile);
  if (read.length !== files.length) return null;
  const server = fields["adopted"] ?? null;
  const adopted = server === null ? null : decodeAdopted(server);
  if (server !== null && adopted === null) return null;
  return { kind: "decided", scope, name, files: read, adopted };
}

function decodeFile(value: unknown): readonly SetupFile[] {
  const fields = asObject(value);
  const path = readText(fields?.["path"]);
  const text = fields?.["text"];
  const mode = fields?.["mode"];
  if (path === null || typeof text !== "string" || typeof mode !== "number") {
    return [];
  }
  return [{ path, text, mode, owner: decodeOwner(fields?.["owner"]) }];
}

function decodeOwner(value: unknown): FileOwner | null {
  const fields = asObject(value);
  const uid = fields?.["uid"];
  const gid = fields?.["gid"];
  return typeof uid === "number" && typeof gid === "number"
    ? { uid, gid }
    : null;
}
