/** A value of synchronous_standby_names as the product writes it in mode `quorum`. */
import { formatQuorum } from "../../lib/core/calc/sync/standby_names.ts";

/** The text. */
export function formatNames(numsync: number, names: readonly string[]): string {
  return formatQuorum(numsync, names, false);
}
