/**
 * The marker of unfinished work on the data directory: what it says, and whether
 * it speaks of the directory that stands there now. A marker outlives its
 * directory: people move that away and restore a backup in its place, and what
 * they restored must not be taken for what we left.
 */
import { isProcessId } from "../../../core/base/process_id.ts";
import { asObject, readText } from "../../../core/codec/json.ts";
import {
  type FileIdentity,
  isSameFile,
  readIdentity,
} from "./file_identity.ts";

/** What was going on in the directory. */
export type Filling = "clone" | "bootstrap" | "rewind" | "removal";

/** A folder outside of the data directory that holds a part of the instance. */
export interface OutsideFolder {
  readonly kind: "wal" | "tablespace";
  readonly path: string;
}

/** What ties a marker to one directory. */
export interface FillBinding {
  /** Stands in the mark inside as well. */
  readonly token: string;
  /** Null: it was not there yet. */
  readonly directory: FileIdentity | null;
  /** The folder `global`, once what filled the directory had ended. */
  readonly anchor: FileIdentity | null;
  /** PostgreSQL's own programs neither replace the directory nor touch the mark. */
  readonly isOwnProgram: boolean;
  /** Nothing can be written beside the directory: the mark inside is the marker. */
  readonly isAlone: boolean;
  /** Folders outside that were empty, or not there, when the work began. */
  readonly folders: readonly OutsideFolder[];
}

/** One marker. */
export interface FillMarker {
  readonly what: string;
  /** The program that filled; 0: not known. */
  readonly pid: number;
  readonly startTicks: number;
  /** Null: written by a version that did not bind it. */
  readonly binding: FillBinding | null;
}

/** The directory as it stands there now. */
export interface MarkedDirectory {
  readonly directory: FileIdentity | null;
  readonly anchor: FileIdentity | null;
  /** Of the mark inside; null: there is none. */
  readonly token: string | null;
}

/** Text of a marker: the first two lines are as older versions read them. */
export function formatMarker(marker: FillMarker): string {
  const { what, pid, startTicks, binding } = marker;
  const lines = [what, `${pid} ${startTicks}`];
  if (binding !== null) lines.push(JSON.stringify(binding));
  return `${lines.join("\n")}\n`;
}

/** Reads what {@link formatMarker} or an older version wrote. */
export function parseMarker(text: string): FillMarker {
  const [what = "", program = "", binding = ""] = text.split("\n");
  const [pid = 0, startTicks] = program.split(" ").map(Number);
  return {
    what,
    // A signal to the group of any lower one would reach processes of others.
    pid: isProcessId(pid) ? pid : 0,
    startTicks: startTicks || 0,
    binding: parseBinding(binding),
  };
}

function parseBinding(text: string): FillBinding | null {
  let object;
  try {
    object = asObject(JSON.parse(text));
  } catch {
    return null;
  }
  const token = readText(object?.["token"]);
  if (object === null || token === null) return null;
  const folders = object["folders"];
  return {
    token,
    directory: readIdentity(object["directory"]),
    anchor: readIdentity(object["anchor"]),
    isOwnProgram: object["isOwnProgram"] === true,
    isAlone: object["isAlone"] === true,
    folders: Array.isArray(folders) ? folders.flatMap(readFolder) : [],
  };
}

/** One folder as it stands in a file, or nothing. */
export function readFolder(value: unknown): readonly OutsideFolder[] {
  const object = asObject(value);
  const kind = object?.["kind"];
  const path = readText(object?.["path"]);
  const isKnown = kind === "wal" || kind === "tablespace";
  return isKnown && path !== null ? [{ kind, path }] : [];
}

/**
 * Whether what stands there is what the marker speaks of.
 *
 * - ours: the very directory, with the content that our program left
 * - other: surely another directory; the marker means nothing
 * - doubtful: neither can be shown
 */
export function judgeMarker(
  { what, binding }: FillMarker,
  seen: MarkedDirectory,
): "ours" | "other" | "doubtful" {
  if (binding === null) return "doubtful";
  const hasToken = seen.token === binding.token;
  if (binding.directory === null) return "doubtful";
  if (!isSameFile(binding.directory, seen.directory)) {
    // A program of the user may have put another directory in its place.
    const isReplaced = !hasToken && !binding.isAlone &&
      (binding.isOwnProgram || binding.anchor !== null);
    return isReplaced ? "other" : "doubtful";
  }
  // pg_rewind removes the mark inside, and a backup of a new instance must not
  // have it: then a folder that nobody makes anew stands for the content.
  const isContentOurs = hasToken || isSameFile(binding.anchor, seen.anchor);
  if (!isContentOurs) return "doubtful";
  return what === "removal" && !hasToken ? "doubtful" : "ours";
}
