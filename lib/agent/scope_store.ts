/**
 * The scope's keys as the agent reads and writes them: the Dcs port plus the
 * codecs. Leases are not in here.
 */
import {
  decodeClusterView,
  memberKey,
} from "../core/codec/cluster_view_codec.ts";
import {
  encodeFailsafe,
  type FailsafeMap,
} from "../core/codec/failsafe_codec.ts";
import { encodeHistory } from "../core/codec/history_codec.ts";
import { BOOTSTRAPPING_VALUE } from "../core/codec/initialize_codec.ts";
import { encodeJson } from "../core/codec/json.ts";
import {
  encodeStatus,
  type StatusPublication,
} from "../core/codec/status_codec.ts";
import { encodeSync, type SyncPublication } from "../core/codec/sync_codec.ts";
import { NO_FAILOVER_VALUE } from "../core/codec/failover_codec.ts";
import type { LeaseId, Revision } from "../core/base/units.ts";
import type { ClusterView, HistoryLine } from "../core/model/cluster_view.ts";
import type { SyncGuard } from "../core/model/decision.ts";
import type { Dcs, DcsGuard, DcsLimits, DcsSnapshot } from "../ports/dcs.ts";

/** Whether a guarded write took place. */
export type Guarded = "written" | "conflict";

/** Reads and writes the keys of one scope. Throws what the Dcs port throws. */
export class ScopeStore {
  readonly #dcs: Dcs;
  /** Most reads show what the one before them showed. */
  #last:
    | { readonly snapshot: DcsSnapshot; readonly view: ClusterView }
    | null = null;

  constructor(dcs: Dcs) {
    this.#dcs = dcs;
  }

  /** The view, from the cache of a live watch where the store has one. */
  async view(limits: DcsLimits): Promise<ClusterView> {
    return this.#decoded(await this.#dcs.read(limits));
  }

  /** The view, asked for now. */
  async freshView(limits: DcsLimits): Promise<ClusterView> {
    return this.#decoded(await this.#dcs.readFresh(limits));
  }

  /** Creates the empty `initialize` key. */
  raceInitialize(limits: DcsLimits): Promise<Guarded> {
    return this.#put("initialize", BOOTSTRAPPING_VALUE, {
      guard: { kind: "absent" },
      limits,
    });
  }

  /** Publishes the system identifier. */
  writeInitialize(
    { systemId, expected }: {
      readonly systemId: string;
      readonly expected: "absent" | "any";
    },
    limits: DcsLimits,
  ): Promise<Guarded> {
    const guard: DcsGuard = expected === "absent"
      ? { kind: "absent" }
      : { kind: "none" };
    return this.#put("initialize", systemId, { guard, limits });
  }

  /** Deletes the `initialize` key after a failed bootstrap. */
  async cancelInitialize(limits: DcsLimits): Promise<void> {
    await this.#dcs.write({
      kind: "delete",
      key: "initialize",
      guard: { kind: "value_is", value: BOOTSTRAPPING_VALUE },
    }, limits);
  }

  /** `expected` null: unconditional. */
  writeConfig(
    document: Readonly<Record<string, unknown>>,
    expected: Revision | null,
    limits: DcsLimits,
  ): Promise<Guarded> {
    return this.#put("config", encodeJson(document), {
      guard: guardOf(expected),
      limits,
    });
  }

  /** Empties the failover key by compare-and-set. */
  clearFailover(expected: Revision, limits: DcsLimits): Promise<Guarded> {
    return this.#put("failover", NO_FAILOVER_VALUE, {
      guard: guardOf(expected),
      limits,
    });
  }

  /** Writes the failover key as given; `expected` null: unconditional. */
  writeFailover(
    request: Readonly<Record<string, string>>,
    expected: Revision | null,
    limits: DcsLimits,
  ): Promise<Guarded> {
    return this.#put("failover", encodeJson(request), {
      guard: guardOf(expected),
      limits,
    });
  }

  /** Writes the sync key, as the leader of that term. */
  async writeSync(
    sync: SyncPublication,
    expected: SyncGuard,
    limits: DcsLimits,
  ): Promise<Guarded> {
    const { revision, term } = expected;
    if (term === null) return "conflict";
    const result = await this.#dcs.write({
      kind: "put",
      key: "sync",
      value: encodeSync(sync),
      leaseId: null,
      guard: revision === null
        ? { kind: "absent" }
        : { kind: "revision_is", revision },
      onlyWhile: { key: "leader", revision: term },
    }, limits);
    return result.kind === "done" ? "written" : "conflict";
  }

  /** Deletes the sync key, as the leader of that term. */
  async deleteSync(
    { revision, term }: SyncGuard,
    limits: DcsLimits,
  ): Promise<Guarded> {
    if (revision === null) return "written";
    if (term === null) return "conflict";
    const result = await this.#dcs.write({
      kind: "delete",
      key: "sync",
      guard: { kind: "revision_is", revision },
      onlyWhile: { key: "leader", revision: term },
    }, limits);
    return result.kind === "done" ? "written" : "conflict";
  }

  writeStatus(status: StatusPublication, limits: DcsLimits): Promise<Guarded> {
    return this.#put("status", encodeStatus(status), {
      guard: NO_GUARD,
      limits,
    });
  }

  /** Whom a leader asks when the store is away. */
  writeFailsafe(map: FailsafeMap, limits: DcsLimits): Promise<Guarded> {
    return this.#put("failsafe", encodeFailsafe(map), {
      guard: NO_GUARD,
      limits,
    });
  }

  writeHistory(
    lines: readonly HistoryLine[],
    limits: DcsLimits,
  ): Promise<Guarded> {
    return this.#put("history", encodeHistory(lines), {
      guard: NO_GUARD,
      limits,
    });
  }

  /** Writes the own member key, bound to the own lease. */
  async touchMember(
    member: { readonly name: string; readonly text: string },
    leaseId: LeaseId,
    limits: DcsLimits,
  ): Promise<void> {
    await this.#dcs.write({
      kind: "put",
      key: memberKey(member.name),
      value: member.text,
      leaseId,
      guard: NO_GUARD,
    }, limits);
  }

  #decoded(snapshot: DcsSnapshot): ClusterView {
    if (this.#last?.snapshot !== snapshot) {
      this.#last = { snapshot, view: decodeClusterView(snapshot) };
    }
    return this.#last.view;
  }

  async #put(
    key: string,
    value: string,
    options: { readonly guard: DcsGuard; readonly limits: DcsLimits },
  ): Promise<Guarded> {
    const { guard, limits } = options;
    const result = await this.#dcs.write(
      { kind: "put", key, value, leaseId: null, guard },
      limits,
    );
    return result.kind === "done" ? "written" : "conflict";
  }
}

const NO_GUARD: DcsGuard = { kind: "none" };

function guardOf(expected: Revision | null): DcsGuard {
  return expected === null
    ? NO_GUARD
    : { kind: "revision_is", revision: expected };
}
