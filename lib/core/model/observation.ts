/**
 * The whole input of a decision: plain data, gathered before, never fetched
 * during the decision. What a rule is not shown here it cannot depend on.
 */
import type { Moment } from "../base/units.ts";
import type { ClusterView } from "./cluster_view.ts";
import type { FencingOrders } from "./fencing.ts";
import type { LeaseView } from "./lease_view.ts";
import type { MemberName, Tags } from "./member.ts";
import type { AgentMemory } from "./memory.ts";
import type { PeersView, UpstreamView } from "./peer_view.ts";
import type { PledgeView } from "./pledge_view.ts";
import type { PostgresView, StandbyChange } from "./postgres_view.ts";
import type { OperatorRequest } from "./request.ts";
import type { ClusterSettings } from "./settings.ts";
import type { TaskView } from "./task_view.ts";

/** The DCS as this cycle found it. */
export type DcsView =
  | { readonly kind: "reachable"; readonly view: ClusterView }
  /** Only transport failures and timeouts; any other answer is "reachable". */
  | {
    readonly kind: "unreachable";
    readonly since: Moment;
    readonly detail: string;
  };

/**
 * Who leads. A view that still names this member, although it just lost the key or
 * gave it away, shows what was: nobody leads, as far as it knows.
 */
export function leadOf(
  { dcs, lease, self }: Pick<Observation, "dcs" | "lease" | "self">,
): "nobody" | "self" | "other" {
  const leader = dcs.kind === "reachable" ? dcs.view.leader : null;
  if (leader === null) return "nobody";
  if (leader.name !== self) return "other";
  return lease.kind === "none" || lease.kind === "held" ? "self" : "nobody";
}

/** Everything that one decision may look at. */
export interface Observation {
  readonly now: Moment;
  /** Wall clock in ms since the epoch, only for scheduled requests and texts. */
  readonly wallTimeMs: number;
  /** A uniform number in [0, 1), for choices in which members should differ. */
  readonly chance: number;
  readonly self: MemberName;
  readonly tags: Tags;
  /** The local configuration has a `bootstrap` section. */
  readonly canBootstrap: boolean;
  /** The dynamic configuration that the settings are made of, as this agent has it. */
  readonly document: Readonly<Record<string, unknown>>;
  readonly settings: ClusterSettings;
  readonly dcs: DcsView;
  readonly postgres: PostgresView;
  /** What the running standby lacks of what it should have on its upstream. */
  readonly standbyChange: StandbyChange;
  readonly lease: LeaseView;
  /** The own side of a takeover; null: nothing here can pledge. */
  readonly pledge: PledgeView | null;
  /** How this member fences a lost leader's host; null: it has no program for it. */
  readonly fencing: FencingOrders | null;
  readonly peers: PeersView;
  readonly upstream: UpstreamView;
  readonly task: TaskView;
  readonly request: OperatorRequest | null;
  readonly memory: AgentMemory;
}
