/**
 * The record of a pledge in a file beside the data directory, because it must
 * outlive that: whoever starts reads it before WAL may flow.
 */
import { dirname } from "node:path";
import { isRevisionText, revision } from "../../../core/base/units.ts";
import {
  encodeJson,
  parseJsonObject,
  readText,
} from "../../../core/codec/json.ts";
import type { PledgeRecord } from "../../../core/model/pledge.ts";
import { pledgePath, realDirectory } from "../directory/fill_marks.ts";
import { readTextOrNull, writeAtomically } from "../directory/files.ts";

/** The record of one data directory. */
export class PledgeFile {
  readonly #dataDir: () => string;

  constructor(dataDir: () => string) {
    this.#dataDir = dataDir;
  }

  /** What cannot be read says nothing: it is missing. */
  async read(): Promise<PledgeRecord> {
    const text = await readTextOrNull(await this.#path()).catch(() => null);
    return decodeRecord(text ?? "");
  }

  /** On the disk, its name in the folder included, when it resolves. */
  async write(record: PledgeRecord): Promise<void> {
    const path = await this.#path();
    await writeAtomically(path, encodeRecord(record));
    using folder = await Deno.open(dirname(path), { read: true });
    await folder.sync();
  }

  async #path(): Promise<string> {
    return pledgePath(await realDirectory(this.#dataDir()));
  }
}

function encodeRecord(record: PledgeRecord): string {
  const { kind } = record;
  return encodeJson(
    kind === "pledged" ? { kind, term: record.term } : { kind },
  );
}

function decodeRecord(text: string): PledgeRecord {
  const document = parseJsonObject(text);
  const kind = readText(document?.["kind"]);
  if (kind === "none" || kind === "behind") return { kind };
  const term = readText(document?.["term"]);
  return kind === "pledged" && term !== null && isRevisionText(term)
    ? { kind, term: revision(term) }
    : { kind: "missing" };
}
