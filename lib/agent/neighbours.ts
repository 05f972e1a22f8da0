/**
 * Where the instances of other members are, and what this one is among them, as
 * the last view shows it.
 *
 * A decision names members; where they are is looked up when it acts. A task may
 * come to a member minutes after it was decided on, and that member may have
 * moved meanwhile: what counts is where it is then, and a name that has left the
 * view is not to be connected to any more.
 */
import { slotNameOf } from "../core/codec/slot_name.ts";
import { parseConnUrl } from "../core/codec/conn_url.ts";
import { upstreamOf } from "../core/calc/lead/topology.ts";
import { memberOf } from "../core/model/cluster_view.ts";
import type { MemberName, Tags } from "../core/model/member.ts";
import { REMOTE, type StandbyCluster } from "../core/model/standby_cluster.ts";
import { PostgresError } from "../ports/errors.ts";
import type { PostgresPeer } from "../ports/postgres.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { SeenScope } from "./last_view.ts";

/** What it is read from. */
interface NeighbourParts {
  readonly config: () => { readonly self: MemberName; readonly tags: Tags };
  readonly last: SeenScope;
  readonly inForce: SettingsInForce;
}

/** For who only asks for addresses. */
export interface Addresses {
  addressOf(name: MemberName): PostgresPeer;
}

/** The members around this one. */
export class Neighbours implements Addresses {
  readonly #parts: NeighbourParts;

  constructor(parts: NeighbourParts) {
    this.#parts = parts;
  }

  /**
   * The address of a member's instance.
   *
   * @throws {PostgresError} If the last view does not show it.
   */
  addressOf(name: MemberName): PostgresPeer {
    const { last: { view }, inForce: { settings } } = this.#parts;
    if (name === REMOTE) return remotePeer(settings.standbyCluster);
    const url = view === null ? null : memberOf(view, name)?.connUrl ?? null;
    const address = url === null ? null : parseConnUrl(url);
    if (address === null) {
      throw new PostgresError(`The address of member "${name}" is not known`);
    }
    return { name, ...address };
  }

  /** What a standby streams from while nothing changes. */
  usualUpstream(): PostgresPeer | null {
    const { last: { view }, inForce: { settings } } = this.#parts;
    const { self, tags } = this.#parts.config();
    if (view === null) return null;
    if (view.leader?.name === self) {
      return settings.standbyCluster?.host == null
        ? null
        : this.addressOf(REMOTE);
    }
    const name = upstreamOf(view, { name: self, tags });
    return name === null ? null : this.addressOf(name);
  }

  /** The member's own slot on whom it copies from; null: slots are not used. */
  ownSlotName(): string | null {
    const { inForce: { settings }, config } = this.#parts;
    return settings.hasSlots ? slotNameOf(config().self) : null;
  }

  /** What a running standby is here: one that holds the key leads a standby cluster. */
  standbyRole(): "standby_leader" | "replica" {
    const { last: { view }, inForce: { settings }, config } = this.#parts;
    const isLeader = view?.leader?.name === config().self;
    return settings.isStandbyCluster && isLeader ? "standby_leader" : "replica";
  }
}

/** The instance that a standby cluster follows. */
function remotePeer(section: StandbyCluster | null): PostgresPeer {
  if (section === null || section.host === null) {
    throw new PostgresError("No remote is configured to follow");
  }
  const { host, port, primarySlotName: slotName } = section;
  return { name: REMOTE, host, port, remote: { slotName } };
}
