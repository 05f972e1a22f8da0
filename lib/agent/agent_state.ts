/**
 * The one mutable record of what the agent knows. Only the loop and the events
 * that it hands out change it; what else reads it names the fields.
 */
import {
  type AgentMemory,
  FIRST_MEMORY,
  type MemoryEvent,
  remember,
} from "../core/model/memory.ts";
import {
  type Lsn,
  type Moment,
  moment,
  type Revision,
} from "../core/base/units.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { FailsafePing } from "../core/model/failsafe.ts";
import type { MemberName } from "../core/model/member.ts";
import type { Observation } from "../core/model/observation.ts";
import {
  type ClusterSettings,
  DEFAULT_SETTINGS,
} from "../core/model/settings.ts";
import type { EndedReceiver } from "../ports/postgres.ts";

type Document = Readonly<Record<string, unknown>>;

/** What the agent knows between two cycles. */
export class AgentState {
  memory: AgentMemory = FIRST_MEMORY;
  settings: ClusterSettings = DEFAULT_SETTINGS;
  document: Document | null = null;
  configRevision: Revision | null = null;
  view: ClusterView | null = null;
  /** The last one that the store showed, however long ago. */
  lastView: ClusterView | null = null;
  viewedAt: Moment | null = null;
  viewedAtWallMs = 0;
  observation: Observation | null = null;
  /** The last leader that asked for consent in failsafe mode, and until when it may rely on it. */
  failsafePing: { readonly ping: FailsafePing; readonly until: Moment } | null =
    null;
  /** All members agreed that this primary goes on without the store. */
  isFailsafeGranted = false;
  /** How far the members were when they agreed last. */
  failsafePositions: Readonly<Record<MemberName, Lsn>> = {};
  /** Receivers of WAL that held up the last handing over of the lead, and were ended. */
  endedReceivers: readonly EndedReceiver[] = [];
  sentence = "starting";
  nextCycleAt: Moment = moment(0);

  /** Feeds the memory's reducer. */
  remember(event: MemoryEvent): void {
    this.memory = remember(this.memory, event);
  }
}
