/**
 * How a scope moves from one store to another, while its members run in
 * maintenance mode. All keys are copied in one write; the leader's and the
 * members' keys are copied, too, but hang on no session, so that proxies find
 * their way in either store. A member has arrived when it has written its key in
 * the next store itself: the key's revision is another one than the copy's.
 */
import type { Revision } from "../../base/units.ts";
import {
  MEMBERS_PREFIX,
  type StoredEntry,
} from "../../codec/cluster_view_codec.ts";
import { MIGRATION_KEY } from "../../codec/migration_codec.ts";

/**
 * Keys that hang on sessions or speak of a leader's term, which is a revision of
 * one store. In maintenance mode nobody promises anything, and a member's own
 * promise of before is taken back with its first cycle in the next store.
 */
const LEFT_BEHIND = ["fencing", "pledges/", "vip/", "vip_candidates/"] as const;

/** How far a move has come, as the next store shows it. */
export interface MoveProgress {
  /** Of the copy. */
  readonly revision: Revision;
  /** Members that still are in the former store, in their order. */
  readonly waiting: readonly string[];
  /** The leader has written its key itself. */
  readonly isLed: boolean;
}

/** What the next store gets of the former one's keys. */
export function copiedKeys(
  entries: readonly StoredEntry[],
): readonly { readonly key: string; readonly value: string }[] {
  return entries
    .filter(({ key }) => !LEFT_BEHIND.some((each) => key.startsWith(each)))
    .map(({ key, value }) => ({ key, value }));
}

/**
 * Null: these keys are no copy that is being moved into. The former store has the
 * record, too, but not from the same write as the scope's first key.
 *
 * @param entries Of the next store.
 */
export function moveProgress(
  entries: readonly StoredEntry[],
): MoveProgress | null {
  const copy = entries.find(({ key }) => key === MIGRATION_KEY);
  const first = entries.find(({ key }) => key === "initialize");
  if (copy === undefined || first?.revision !== copy.revision) return null;
  const { revision } = copy;
  return {
    revision,
    waiting: entries
      .filter((entry) =>
        entry.key.startsWith(MEMBERS_PREFIX) && entry.revision === revision
      )
      .map(({ key }) => key.slice(MEMBERS_PREFIX.length)),
    isLed: entries.some((entry) =>
      entry.key === "leader" && entry.revision !== revision
    ),
  };
}

/**
 * The keys that keep a member's clients on their way in the store that it has
 * left: its own, and the leader's if it leads.
 *
 * @param entries Of the former store, from before the member left it.
 */
export function signposts(
  entries: readonly StoredEntry[],
  name: string,
): readonly { readonly key: string; readonly value: string }[] {
  return entries.filter(({ key, value }) =>
    key === `${MEMBERS_PREFIX}${name}` || key === "leader" && value === name
  ).map(({ key, value }) => ({ key, value }));
}

/** The keys that must end when all have left: they would lead people astray. */
export function outdatedKeys(
  entries: readonly StoredEntry[],
): readonly { readonly key: string; readonly value: string }[] {
  return entries.map(({ key, value }) => ({ key, value })).filter(({ key }) =>
    key === "leader" || key.startsWith(MEMBERS_PREFIX)
  );
}
