/**
 * Strict synchronous mode while nobody can be synchronous: whom a primary goes
 * on waiting for. Waiting for `*` would let any WAL receiver acknowledge, a
 * backup tool or a `nosync` replica included; waiting for those who were
 * synchronous last keeps each acknowledged commit on one of them.
 */
import { type ClusterView, memberOf } from "../../model/cluster_view.ts";
import type { MemberName } from "../../model/member.ts";
import type { ClusterSettings } from "../../model/settings.ts";
import { NOBODY, parseStandbys } from "./standby_names.ts";

/** What the names are known from. */
export interface StrictInputs {
  readonly self: MemberName;
  readonly settings: ClusterSettings;
  readonly view: ClusterView;
  /** As PostgreSQL has them. */
  readonly standbyNames: string;
}

/**
 * The last known names, sorted; nobody if the mode is not strict or none are
 * known. Members that must not be synchronous any more are left out.
 *
 * Under an own sync key they are what PostgreSQL waits for; under the key of
 * another leader they are that leader and its replicas.
 *
 * Source: Patroni's `synchronous_mode_strict` after 4.1 (pull request 3435).
 */
export function lastKnownNames(inputs: StrictInputs): readonly MemberName[] {
  const { self, settings, view, standbyNames } = inputs;
  if (!settings.isSynchronousModeStrict) return [];
  const { leader, standbys } = view.sync;
  const listed = leader === self ? parseStandbys(standbyNames).names : [];
  const keyed = leader === null ? [] : [leader, ...standbys];
  return [...new Set([...listed, ...keyed])]
    .filter((name) => name !== self && isAllowed(view, name))
    .sort();
}

/** A member that left may come back with whatever it has. */
function isAllowed(view: ClusterView, name: MemberName): boolean {
  return name !== NOBODY && memberOf(view, name)?.tags.isNosync !== true;
}
