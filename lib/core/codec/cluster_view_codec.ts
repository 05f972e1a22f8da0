/**
 * One read of the DCS, turned into the view that decisions are made on.
 *
 * Owns which key is what. A key that cannot be read is treated as the reader
 * table of docs/contract/dcs.md 4 says; decoding never fails.
 */
import type { Revision } from "../base/units.ts";
import type {
  ClusterView,
  ConfigKey,
  LeaderKey,
} from "../model/cluster_view.ts";
import type { Member } from "../model/member.ts";
import { decodeFailover } from "./failover_codec.ts";
import { FAILOVERS_KEY } from "./failovers_codec.ts";
import { decodeFailsafe } from "./failsafe_codec.ts";
import { decodeFencing, FENCING_KEY } from "./fencing_codec.ts";
import { decodeHistory } from "./history_codec.ts";
import { decodeInitialize } from "./initialize_codec.ts";
import { parseJsonObject } from "./json.ts";
import { ENTRIES_MAX, NAME_LENGTH_MAX } from "./limits.ts";
import { decodeMember } from "./member_codec.ts";
import { MIGRATION_KEY } from "./migration_codec.ts";
import { decodePledge, PLEDGES_PREFIX } from "./pledge_codec.ts";
import { decodeStatus } from "./status_codec.ts";
import { decodeSync } from "./sync_codec.ts";

/** One key as a store returned it; the port's DcsEntry fits. */
export interface StoredEntry {
  /** Relative to the scope: `leader`, `members/n1`. */
  readonly key: string;
  readonly value: string;
  readonly revision: Revision;
  readonly isHeld: boolean;
}

/** A consistent read of a scope; the port's DcsSnapshot fits. */
export interface StoredSnapshot {
  readonly entries: readonly StoredEntry[];
}

/** A member's key has some hundred bytes; a longer value leaves its name only. */
const MEMBER_LENGTH_MAX = 65_536;

/** Prefix of the members' keys inside the scope. */
export const MEMBERS_PREFIX = "members/";

/** The key of a member, relative to the scope. */
export function memberKey(name: string): string {
  return `${MEMBERS_PREFIX}${name}`;
}

/**
 * The view that a snapshot shows.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const view = decodeClusterView({ entries: [] });
 * assert.equal(view.initialize.kind, "absent");
 * assert.equal(view.leader, null);
 * ```
 *
 * Source: docs/contract/dcs.md 3 and 4.
 */
export function decodeClusterView(snapshot: StoredSnapshot): ClusterView {
  const byKey = new Map(snapshot.entries.map((entry) => [entry.key, entry]));
  const text = (key: string): string | null => byKey.get(key)?.value ?? null;
  const sync = byKey.get("sync");
  const failover = byKey.get("failover");
  const failovers = byKey.get(FAILOVERS_KEY);
  const fencing = byKey.get(FENCING_KEY);
  return {
    initialize: decodeInitialize(text("initialize")),
    config: configKey(byKey.get("config")),
    leader: leaderKey(byKey.get("leader")),
    status: decodeStatus(text("status"), text("optime/leader")),
    members: members(snapshot.entries),
    failover: failover === undefined
      ? null
      : decodeFailover(failover.value, failover.revision),
    sync: decodeSync(sync?.value ?? null, sync?.revision ?? null),
    history: decodeHistory(text("history")),
    failsafe: decodeFailsafe(text("failsafe")),
    pledges: namedBelow(PLEDGES_PREFIX, snapshot.entries).map((
      { name, value, revision },
    ) => ({ name, revision, pledge: decodePledge(value) })),
    fencing: fencing === undefined
      ? null
      : decodeFencing(fencing.value, fencing.revision),
    failovers: failovers === undefined
      ? null
      : { text: failovers.value, revision: failovers.revision },
    isMoving: byKey.has(MIGRATION_KEY),
  };
}

function configKey(entry: StoredEntry | undefined): ConfigKey | null {
  if (entry === undefined) return null;
  return { document: parseJsonObject(entry.value), revision: entry.revision };
}

function leaderKey(entry: StoredEntry | undefined): LeaderKey | null {
  if (entry === undefined) return null;
  const { value, isHeld, revision } = entry;
  return { name: value, isHeld, revision };
}

function members(entries: readonly StoredEntry[]): readonly Member[] {
  return namedBelow(MEMBERS_PREFIX, entries).map(({ name, value }) =>
    decodeMember(name, value.length > MEMBER_LENGTH_MAX ? "" : value)
  );
}

/** Entries one level below a folder, with the rest of the key as their name; sorted by it. */
function namedBelow(
  prefix: string,
  entries: readonly StoredEntry[],
): readonly (StoredEntry & { readonly name: string })[] {
  return entries.flatMap((entry) => {
    if (!entry.key.startsWith(prefix)) return [];
    const name = entry.key.slice(prefix.length);
    const isName = name !== "" && name.length <= NAME_LENGTH_MAX &&
      !name.includes("/");
    return isName ? [{ ...entry, name }] : [];
  }).sort((a, b) => a.name < b.name ? -1 : 1)
    .slice(0, ENTRIES_MAX);
}
