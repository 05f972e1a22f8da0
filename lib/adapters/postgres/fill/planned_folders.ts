/**
 * Which folders outside of the data directory a program is going to fill: as its
 * options say, and as the instance says that is copied.
 *
 * Source: PostgreSQL 17 manual, "pg_basebackup" and "initdb".
 */
import { isAbsolute } from "node:path";
import type { PostgresPeer } from "../../../ports/postgres.ts";
import type { OutsideFolder } from "../directory/fill_marker.ts";
import { realDirectory } from "../directory/fill_marks.ts";
import type { PostgresContext } from "../options.ts";
import { withConnection } from "../session/sql.ts";
import { remoteTarget } from "../session/targets.ts";

const QUERY_TIMEOUT_MS = 3_000;

/** The folder of `--waldir`, if the arguments have it. */
function walFolder(args: readonly string[]): readonly OutsideFolder[] {
  return args.flatMap((arg) => {
    const path = /^--waldir=(\/.*)$/.exec(arg)?.[1];
    return path === undefined ? [] : [{ kind: "wal", path } as const];
  });
}

const MAPPING = "--tablespace-mapping=";

/** Where `--tablespace-mapping` puts the tablespace of `path`. */
function mappedTo(path: string, args: readonly string[]): string {
  for (const arg of args) {
    if (!arg.startsWith(MAPPING)) continue;
    // An equals sign within a path has a backslash before it.
    const parts = arg.slice(MAPPING.length).split(/(?<!\\)=/);
    if (parts.length !== 2) continue;
    const [from, to] = parts.map((part) => part.replaceAll("\\=", "="));
    if (from === path && to !== undefined) return to;
  }
  return path;
}

/** What a copy of `source` by a program with these arguments fills outside. */
export async function foldersOfCopy(
  context: PostgresContext,
  source: PostgresPeer | null,
  args: readonly string[],
): Promise<readonly OutsideFolder[]> {
  const paths = source === null ? [] : await tablespaces(context, source);
  const spaces = paths.map((path) =>
    ({ kind: "tablespace", path: mappedTo(path, args) }) as const
  );
  return await Promise.all(
    [...walFolder(args), ...spaces].map(async (folder) => ({
      ...folder,
      path: await realDirectory(folder.path),
    })),
  );
}

/** None if it cannot be asked: then only what this member had before is known. */
async function tablespaces(
  context: PostgresContext,
  source: PostgresPeer,
): Promise<readonly string[]> {
  try {
    return await withConnection(
      remoteTarget(context, "rewind", source),
      async (query) => {
        const rows = await query(
          "SELECT pg_tablespace_location(oid) AS path FROM pg_tablespace",
          QUERY_TIMEOUT_MS,
        );
        return rows.map((row) => String(row["path"])).filter(isAbsolute);
      },
    );
  } catch (error) {
    context.log.debug(`Cannot ask ${source.name} for tablespaces: ${error}`);
    return [];
  }
}
