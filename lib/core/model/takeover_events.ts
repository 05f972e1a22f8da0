/** How the memory of takeovers follows what was seen. */
import type { Moment, Revision } from "../base/units.ts";
import type { ClusterView } from "./cluster_view.ts";
import {
  NO_TAKEOVER,
  type SeenPledge,
  type TakeoverMemory,
} from "./pledge_view.ts";

/** What happened that must be remembered of takeovers. */
export type TakeoverEvent =
  | {
    readonly kind: "pledges_seen";
    readonly at: Moment;
    readonly view: Pick<ClusterView, "leader" | "sync" | "pledges" | "fencing">;
  }
  /** The leader emptied the own entry. */
  | { readonly kind: "vetoed"; readonly at: Moment }
  /** The own claim was sent at that moment and stands; null: none of this life does. */
  | { readonly kind: "fencing_claimed"; readonly at: Moment | null }
  /** This member took the key over; the term that began. */
  | { readonly kind: "taken"; readonly term: Revision };

/** The memory after `event`. */
export function rememberTakeover(
  memory: TakeoverMemory,
  event: TakeoverEvent,
): TakeoverMemory {
  switch (event.kind) {
    case "pledges_seen":
      return rememberPledges(memory, event);
    case "vetoed": {
      const count = memory.vetoes.count + 1;
      return { ...memory, vetoes: { count, lastAt: event.at } };
    }
    case "fencing_claimed": {
      const fencing = { ...memory.fencing, claimedAt: event.at };
      return { ...memory, fencing };
    }
    case "taken":
      return { ...memory, takenTerm: event.term };
  }
}

function rememberPledges(
  memory: TakeoverMemory,
  { at, view }: Extract<TakeoverEvent, { kind: "pledges_seen" }>,
): TakeoverMemory {
  const term = view.leader?.revision ?? null;
  const { takenTerm } = memory;
  const before = rememberClaim(
    memory.term === term ? memory : { ...NO_TAKEOVER, term, takenTerm },
    view.fencing,
    at,
  );
  // The leader objects to those of voters only. What stands of a member that
  // votes no more, and may be gone for good, must not hold it up for ever.
  const standing = view.pledges.filter(({ name, pledge }) =>
    term !== null && pledge?.term === term &&
    view.sync.standbys.includes(name)
  );
  if (standing.length === 0) {
    return Object.keys(before.seen).length === 0
      ? before
      : { ...before, seen: {} };
  }
  const seen = standing.map(({ name, revision }): [string, SeenPledge] => {
    const known = before.seen[name];
    return [name, known?.revision === revision ? known : { revision, at }];
  });
  return { ...before, seen: Object.fromEntries(seen), stoodAt: at };
}

/** Claims of other terms are not told apart: nobody asks how old those are. */
function rememberClaim(
  memory: TakeoverMemory,
  key: ClusterView["fencing"],
  at: Moment,
): TakeoverMemory {
  const { seen } = memory.fencing;
  const revision = key === null || key.claim === null ? null : key.revision;
  if ((seen?.revision ?? null) === revision) return memory;
  const fencing = {
    ...memory.fencing,
    seen: revision === null ? null : { revision, at },
  };
  return { ...memory, fencing };
}
