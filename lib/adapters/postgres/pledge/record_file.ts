/**
 * The record of a pledge in a file beside the data directory, because it must
 * outlive that: whoever starts reads it before WAL may flow. It speaks of the
 * directory that stood there when it was written, and of its pg_control: for
 * another one that took its place, and for a backup that somebody restored into
 * the same directory, it is missing.
 *
 * Source: PostgreSQL 17 `controldata_utils.c`, update_controlfile writes into the
 * file that is there; programs that restore a backup put another one in its place.
 */
import { dirname, join } from "node:path";
import { isRevisionText, revision } from "../../../core/base/units.ts";
import {
  encodeJson,
  parseJsonObject,
  readText,
} from "../../../core/codec/json.ts";
import type { PledgeRecord } from "../../../core/model/pledge.ts";
import { PostgresError } from "../../../ports/errors.ts";
import {
  identityOf,
  isSameFile,
  readIdentity,
} from "../directory/file_identity.ts";
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
    const real = await realDirectory(this.#dataDir()).catch(() => null);
    if (real === null) return { kind: "missing" };
    const text = await readTextOrNull(pledgePath(real)).catch(() => null);
    const document = parseJsonObject(text ?? "") ?? {};
    const written = readIdentity(document["directory"]);
    const control = readIdentity(document["control"]);
    const now = await placeOf(real).catch(() => null);
    if (now === null || !isSameFile(written, now.directory)) {
      return { kind: "missing" };
    }
    const isEmptyStill = control === null && now.control === null;
    return isEmptyStill || isSameFile(control, now.control)
      ? recordIn(document)
      : { kind: "missing" };
  }

  /** On the disk, its name in the folder included, when it resolves. */
  async write(record: PledgeRecord): Promise<void> {
    const real = await realDirectory(this.#dataDir());
    const path = pledgePath(real);
    const place = await placeOf(real);
    const term = record.kind === "pledged" ? record.term : null;
    const text = encodeJson({ kind: record.kind, term, ...place });
    await writeAtomically(path, text);
    using folder = await Deno.open(dirname(path), { read: true });
    await folder.sync();
  }

  /**
   * To be called before data is copied, rewound, restored or emptied: what this
   * member acknowledged may not be in what comes.
   *
   * @throws {PostgresError} While it has pledged; its data is counted on.
   */
  async expectOtherData(): Promise<void> {
    const { kind } = await this.read();
    if (kind === "pledged") {
      throw new PostgresError(
        "This member has pledged: its data stays until the pledge is withdrawn",
      );
    }
    if (kind === "none") await this.write({ kind: "behind" });
  }
}

/** What a record speaks of; without data there is no pg_control yet. */
async function placeOf(real: string) {
  const [directory, control] = await Promise.all([
    identityOf(real),
    identityOf(join(real, "global", "pg_control")),
  ]);
  return { directory, control };
}

function recordIn(
  document: Readonly<Record<string, unknown>>,
): PledgeRecord {
  const kind = readText(document["kind"]);
  if (kind === "none" || kind === "behind") return { kind };
  const term = readText(document["term"]);
  return kind === "pledged" && term !== null && isRevisionText(term)
    ? { kind, term: revision(term) }
    : { kind: "missing" };
}
