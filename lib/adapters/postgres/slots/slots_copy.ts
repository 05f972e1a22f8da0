/**
 * Copies logical slots from a primary to its replica. PostgreSQL before 17 has
 * no way to make one on a replica at a given position, so the primary's state
 * file is read over SQL and put in place while the replica is down.
 *
 * Source: docs/contract/ha.md 15.2; PostgreSQL 15 `slot.c`, SaveSlotToPath and
 * StartupReplicationSlots (a directory `*.tmp` is thrown away at startup).
 */
import { join } from "node:path";
import type { LogicalSlot } from "../../../core/model/slot_settings.ts";
import { PostgresError } from "../../../ports/errors.ts";
import type { Log } from "../../../ports/log.ts";
import type { SlotFile } from "../../../ports/postgres.ts";
import { removeIfPresent } from "../directory/files.ts";
import { literal, type SqlTarget, withConnection } from "../session/sql.ts";

const QUERY_TIMEOUT_MS = 10_000;

/** What a copy is made from. */
export interface SlotSource {
  /** A superuser's, or the rewind account's, session on the primary. */
  readonly target: SqlTarget;
  readonly dataDir: string;
  readonly log: Log;
}

/**
 * State files of those of `slots` that the primary has, with the same plugin and
 * in the same database, and whose WAL is here: a fresh copy of the data begins
 * later than the slot of a consumer that rests.
 *
 * @throws {PostgresError} If the primary does not answer.
 */
export async function readSlots(
  { target, dataDir, log }: SlotSource,
  slots: readonly LogicalSlot[],
): Promise<readonly SlotFile[]> {
  const rows = await withConnection(target, (query) =>
    query(
      `SELECT slot_name, database, plugin,
         substr(pg_walfile_name(restart_lsn), 9) AS segment,
         pg_read_binary_file('pg_replslot/' || slot_name || '/state') AS state
       FROM pg_replication_slots
       WHERE NOT pg_is_in_recovery() AND slot_type = 'logical'
         AND slot_name IN (${names(slots.map(({ name }) => name))})`,
      QUERY_TIMEOUT_MS,
    ));
  const segments = await walSegments(dataDir);
  return rows.flatMap((row): SlotFile[] => {
    const name = String(row["slot_name"]);
    const wanted = slots.find((slot) => slot.name === name);
    const state = row["state"];
    const isSame = row["database"] === wanted?.database &&
      row["plugin"] === wanted?.plugin;
    if (!isSame || !(state instanceof Uint8Array)) {
      log.warning(
        `Will not copy the logical slot '${name}': it is not as configured on the primary`,
      );
      return [];
    }
    if (!segments.has(String(row["segment"]))) {
      log.warning(
        `Will not copy the logical slot '${name}' yet: its consumer must go on first, the WAL that it needs is not here`,
      );
      return [];
    }
    return [{ name, state }];
  });
}

/** Names of the local WAL segments without their timelines. */
async function walSegments(dataDir: string): Promise<ReadonlySet<string>> {
  const entries = await Array.fromAsync(Deno.readDir(join(dataDir, "pg_wal")));
  return new Set(
    entries.filter(({ name }) => /^[0-9A-F]{24}$/.test(name))
      .map(({ name }) => name.slice(8)),
  );
}

/** Puts the files where the next start finds them, each as a whole or not at all. */
export async function writeSlots(
  dataDir: string,
  files: readonly SlotFile[],
): Promise<void> {
  const parent = join(dataDir, "pg_replslot");
  try {
    for (const { name, state } of files) {
      const directory = join(parent, name);
      const unfinished = `${directory}.tmp`;
      await removeIfPresent(unfinished);
      await Deno.mkdir(unfinished, { mode: 0o700 });
      await writeSynced(join(unfinished, "state"), state);
      await removeIfPresent(directory);
      await Deno.rename(unfinished, directory);
    }
  } catch (cause) {
    throw new PostgresError("Cannot install copied logical slots", { cause });
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  using file = await Deno.open(path, {
    write: true,
    createNew: true,
    mode: 0o600,
  });
  let written = 0;
  while (written < bytes.length) {
    written += await file.write(bytes.subarray(written));
  }
  await file.sync();
}

/** The catalog_xmin of slots of a primary. Names that it does not have are missing. */
export async function readCatalogXmins(
  source: SqlTarget,
  slotNames: readonly string[],
): Promise<Readonly<Record<string, number | null>>> {
  const rows = await withConnection(source, (query) =>
    query(
      `SELECT slot_name, catalog_xmin::text AS xmin FROM pg_replication_slots
       WHERE NOT pg_is_in_recovery() AND slot_name IN (${names(slotNames)})`,
      QUERY_TIMEOUT_MS,
    ));
  return Object.fromEntries(
    rows.map((row) => [
      String(row["slot_name"]),
      row["xmin"] === null ? null : Number(row["xmin"]),
    ]),
  );
}

function names(list: readonly string[]): string {
  return list.length === 0 ? "NULL" : list.map(literal).join(", ");
}
