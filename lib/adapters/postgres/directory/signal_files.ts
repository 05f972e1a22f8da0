/**
 * The signal files, which make PostgreSQL start in recovery.
 *
 * Source: PostgreSQL 17 manual, "Archive Recovery".
 */
import { join } from "node:path";
import type { PostgresContext } from "../options.ts";
import { exists, removeIfPresent, writeAtomically } from "./files.ts";

const SIGNALS = ["standby.signal", "recovery.signal"] as const;

/** Whose data directory is meant. */
interface DataPlace {
  readonly options: Pick<PostgresContext["options"], "dataDir">;
}

/** Signal files for a start as primary, as standby, or from a backup. */
export async function writeSignal(
  { options: { dataDir } }: DataPlace,
  kind: "none" | "standby" | "recovery",
): Promise<void> {
  for (const name of SIGNALS) {
    const path = join(dataDir, name);
    if (name !== `${kind}.signal`) await removeIfPresent(path);
    else if (!await exists(path)) await writeAtomically(path, "");
  }
}

/** Whether the data directory would start in recovery on purpose. */
export async function hasSignal(
  { options: { dataDir } }: DataPlace,
): Promise<boolean> {
  for (const name of SIGNALS) {
    if (await exists(join(dataDir, name))) return true;
  }
  return false;
}
