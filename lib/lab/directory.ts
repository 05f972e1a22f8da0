/**
 * The lab's directory: a temporary one that disappears, or one the user named,
 * which stays and can be started again. A small file in it remembers what the
 * lab was made with.
 */
import { isAbsolute, resolve } from "node:path";
import type { LabOptions } from "./options.ts";

/** What a later start in the same directory must know. */
export interface LabRecord {
  readonly password: string;
  readonly members: number;
  readonly dcs: string;
  readonly portBase: number;
}

/** The directory cannot be used. One sentence. */
export class LabDirectoryError extends Error {
  override readonly name: string = "LabDirectoryError";
}

const RECORD = "lab.json";

/** PostgreSQL's socket path (`<dir>/m1/.s.PGSQL.65535`) has at most 107 bytes. */
const PATH_BYTES_MAX = 107 - "/m1/.s.PGSQL.65535.lock".length;

/** Files that may be there before the first start. */
const OWN_FILES = new Set([".cache", ".deno", "program", RECORD]);

/** Creates the directory; temporary if none is named. */
export async function makeDirectory(named: string | null): Promise<string> {
  if (named === null) {
    return await Deno.makeTempDir({ prefix: "matriarch-lab-" });
  }
  const path = isAbsolute(named) ? named : resolve(named);
  if (new TextEncoder().encode(path).length > PATH_BYTES_MAX) {
    throw new LabDirectoryError(
      `Cannot use ${path}: PostgreSQL's sockets need a path of at most ` +
        `${PATH_BYTES_MAX} bytes.`,
    );
  }
  await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  const names = [...Deno.readDirSync(path)].map((entry) => entry.name);
  if (names.some((n) => !OWN_FILES.has(n)) && !names.includes(RECORD)) {
    throw new LabDirectoryError(
      `Cannot use ${path}: it is not empty and was not made by a lab.`,
    );
  }
  return path;
}

/** The record of a lab that was made there; null: none was. */
export function recordIn(directory: string): LabRecord | null {
  return readRecord(`${directory}/${RECORD}`);
}

function readRecord(path: string): LabRecord | null {
  try {
    const facts: Readonly<Record<string, unknown>> = Object(
      JSON.parse(Deno.readTextFileSync(path)),
    );
    return {
      password: String(facts["password"]),
      members: Number(facts["members"]),
      dcs: String(facts["dcs"]),
      portBase: Number(facts["portBase"]),
    };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * The record of the directory, made at the first start.
 *
 * @throws {LabDirectoryError} If an earlier lab there was of another shape.
 */
export function openRecord(directory: string, options: LabOptions): LabRecord {
  const path = `${directory}/${RECORD}`;
  const { members, dcs: { name: dcs }, portBase } = options;
  const found = readRecord(path);
  if (found === null) {
    const password = crypto.randomUUID().replaceAll("-", "");
    const record = { password, members, dcs, portBase };
    Deno.writeTextFileSync(path, `${JSON.stringify(record)}\n`, {
      mode: 0o600,
    });
    return record;
  }
  const isSame = found.members === members && found.dcs === dcs &&
    found.portBase === portBase;
  if (isSame) return found;
  throw new LabDirectoryError(
    `Cannot use ${directory}: it was made with --members ${found.members} ` +
      `--dcs ${found.dcs} --port-base ${found.portBase}.`,
  );
}
