/**
 * What every cycle leaves behind: the member key, and for the leader the status,
 * the history and the slots. Best effort: a failure here changes no decision.
 */
import { isFresh } from "../core/model/lease_view.ts";
import { encodeMember, isSamePublication } from "../core/codec/member_codec.ts";
import {
  isHistoryStale,
  mergeHistory,
} from "../core/calc/documents/history.ts";
import {
  isCheckpointPending,
  publicationOf,
} from "../core/calc/documents/publication.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import { leadOf, type Observation } from "../core/model/observation.ts";
import type { PrimaryView } from "../core/model/postgres_view.ts";
import type { MemberIdentity } from "../core/calc/documents/publication.ts";
import type { MemberName } from "../core/model/member.ts";
import type { DcsLimits } from "../ports/dcs.ts";
import type { Log } from "../ports/log.ts";
import type { Postgres } from "../ports/postgres.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import { type FailsafeSides, slotView } from "./failsafe.ts";
import type { FailsafeLead } from "./failsafe_lead.ts";
import type { FailoverReports } from "./failover_reports.ts";
import type { Inbox } from "./inbox.ts";
import type { LastView } from "./last_view.ts";
import type { LeaseKeeper } from "./leases.ts";
import type { ScopeReports } from "./scope_reports.ts";
import type { SlotTender } from "./slots.ts";
import type { StoreBudget } from "./store_budget.ts";

/** What is published, and how. */
interface PublisherParts extends FailsafeSides {
  readonly log: Pick<Log, "warning">;
  readonly postgres: Pick<Postgres, "readHistoryFile" | "server">;
  readonly leases: Pick<LeaseKeeper, "session" | "keepMember">;
  readonly reports: ScopeReports;
  readonly budget: Pick<StoreBudget, "leftMs">;
  readonly consent: FailsafeLead;
  readonly failovers: FailoverReports;
  readonly slots: SlotTender;
  readonly last: Pick<LastView, "shown">;
  readonly inForce: SettingsInForce;
  readonly inbox: Pick<Inbox, "wake">;
  readonly config: () => {
    readonly self: MemberName;
    readonly identity: MemberIdentity;
  };
}

/** Publishes after a cycle; remembers what was written last. */
export class Publisher {
  readonly #parts: PublisherParts;
  #member: { readonly text: string; readonly session: string } | null = null;
  #checkpoint: AbortController | null = null;

  constructor(parts: PublisherParts) {
    this.#parts = parts;
  }

  /** Writes what changed. Throws what the ports throw. */
  async publish(o: Observation): Promise<void> {
    if (o.dcs.kind !== "reachable") return await this.#tendWithoutStore(o);
    const { slots, consent, failovers } = this.#parts;
    const { view } = o.dcs;
    failovers.begin();
    await this.#touchMember(o);
    const running = o.postgres.kind === "running" ? o.postgres : null;
    const isLeader = leadOf(o) === "self";
    await slots.publishStatus(o, this.#limits);
    if (isLeader && running?.role === "primary") {
      await consent.publish(view, this.#limits);
      await this.#writeHistory(view, running);
      this.#checkpointOnce(o);
    }
    await slots.tend(o);
    if (isLeader && running?.role === "primary") {
      await failovers.publish(view, running.timeline, this.#limits);
    } else {
      await failovers.publishLeftBehind(view, this.#limits);
    }
  }

  /** In failsafe mode slots go on; logical ones would fall back otherwise. */
  async #tendWithoutStore(o: Observation): Promise<void> {
    const { slots, last } = this.#parts;
    const view = slotView(this.#parts, last.shown);
    if (view === null) return;
    await slots.advance({ ...o, dcs: { kind: "reachable", view } });
  }

  /** Anew for each call: the lease of a primary runs out while earlier ones were slow. */
  get #limits(): DcsLimits {
    return { timeoutMs: Math.min(3_000, this.#parts.budget.leftMs) };
  }

  /** Writes the member key now, whatever the cycle does; used around shutdown. */
  async #touchMember(o: Observation): Promise<void> {
    const { leases, reports, config } = this.#parts;
    const ttlMs = o.settings.ttlMs;
    const session = isFresh(o.lease) && leases.session !== null
      ? leases.session
      : await leases.keepMember({ ...this.#limits, ttlMs });
    const text = encodeMember(publicationOf(o, config().identity));
    const last = this.#member;
    const isKnown = last !== null && last.session === session &&
      isSamePublication(last.text, text) && isListed(o);
    if (isKnown) return;
    await reports.touchMember({ name: o.self, text }, session, this.#limits);
    this.#member = { text, session };
  }

  async #writeHistory(
    view: ClusterView,
    primary: PrimaryView,
  ): Promise<void> {
    if (!isHistoryStale(view.history, primary.timeline)) return;
    const { reports, postgres, config, inForce } = this.#parts;
    if (primary.timeline === 1) {
      await reports.writeHistory([], this.#limits);
      return;
    }
    const file = await postgres.readHistoryFile(primary.timeline);
    if (file === null) return;
    await reports.writeHistory(
      mergeHistory({
        self: config().self,
        text: file.text,
        timestamp: file.modifiedAt,
        known: view.history,
        linesMax: inForce.settings.timelinesHistoryMax,
      }),
      this.#limits,
    );
  }

  /** Starts the checkpoint that rejoining members wait for; its end wakes the loop. */
  #checkpointOnce(o: Observation): void {
    if (!isCheckpointPending(o) || this.#checkpoint !== null) return;
    const { postgres, log, inbox } = this.#parts;
    this.#checkpoint = new AbortController();
    postgres.server.checkpoint(this.#checkpoint.signal)
      .catch((error: unknown) =>
        log.warning(`Checkpoint after promotion: ${String(error)}`)
      )
      .finally(() => {
        this.#checkpoint = null;
        inbox.wake();
      });
  }

  /** Ends what still runs. */
  close(): void {
    this.#checkpoint?.abort();
    this.#parts.failovers.close();
    this.#parts.slots.close();
  }
}

function isListed(o: Observation): boolean {
  return o.dcs.kind === "reachable" &&
    o.dcs.view.members.some((member) => member.name === o.self);
}
