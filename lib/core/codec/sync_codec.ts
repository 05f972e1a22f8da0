/** The `sync` key: which members surely have every acknowledged commit. */
import type { Revision } from "../base/units.ts";
import type { SyncKey } from "../model/cluster_view.ts";
import { encodeJson, parseJsonObject, readCount, readText } from "./json.ts";
import { ENTRIES_MAX } from "./limits.ts";

/** What a leader writes into `sync`. */
export type SyncPublication = Omit<SyncKey, "revision">;

/**
 * The sync state; without a leader in it there is none, but the revision is kept
 * for the next compare-and-set.
 *
 * @param text `null`: the key is absent.
 *
 * Source: docs/contract/dcs.md 3.7 and 4.
 */
export function decodeSync(
  text: string | null,
  revision: Revision | null,
): SyncKey {
  const document = parseJsonObject(text ?? "");
  const leader = readText(document?.["leader"]);
  if (document === null || leader === null) {
    return { leader: null, quorum: 0, standbys: [], revision };
  }
  return {
    leader,
    quorum: Math.max(0, readCount(document["quorum"]) ?? 0),
    standbys: splitNames(readText(document["sync_standby"]) ?? ""),
    revision,
  };
}

/**
 * Compact JSON of a sync state.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(
 *   encodeSync({ leader: "n1", quorum: 0, standbys: ["n3", "n2"] }),
 *   '{"leader":"n1","quorum":0,"sync_standby":"n2,n3"}',
 * );
 * ```
 */
export function encodeSync(sync: SyncPublication): string {
  const names = [...sync.standbys].sort().join(",");
  return encodeJson({
    leader: sync.leader,
    quorum: sync.quorum,
    sync_standby: names === "" ? null : names,
  });
}

function splitNames(text: string): readonly string[] {
  return text.split(",", ENTRIES_MAX).map((name) => name.trim())
    .filter((name) => name !== "");
}
