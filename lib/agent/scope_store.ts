/**
 * The scope's keys that decide something, as the agent writes them: each write
 * is guarded by what was seen. Leases are not in here.
 */
import { encodeJson } from "../core/codec/json.ts";
import { BOOTSTRAPPING_VALUE } from "../core/codec/initialize_codec.ts";
import { encodeSync, type SyncPublication } from "../core/codec/sync_codec.ts";
import { NO_FAILOVER_VALUE } from "../core/codec/failover_codec.ts";
import type { Revision } from "../core/base/units.ts";
import type { SyncGuard } from "../core/model/decision.ts";
import type { Dcs, DcsGuard, DcsLimits } from "../ports/dcs.ts";
import { type Guarded, guardOf, put } from "./scope_write.ts";

/** Writes the keys of one scope that decide. Throws what the Dcs port throws. */
export class ScopeStore {
  readonly #dcs: Pick<Dcs, "write">;

  constructor(dcs: Pick<Dcs, "write">) {
    this.#dcs = dcs;
  }

  /** Creates the empty `initialize` key. */
  raceInitialize(limits: DcsLimits): Promise<Guarded> {
    return put(this.#dcs, { key: "initialize", value: BOOTSTRAPPING_VALUE }, {
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
    return put(this.#dcs, { key: "initialize", value: systemId }, {
      guard,
      limits,
    });
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
    return put(this.#dcs, { key: "config", value: encodeJson(document) }, {
      guard: guardOf(expected),
      limits,
    });
  }

  /** Empties the failover key by compare-and-set. */
  clearFailover(expected: Revision, limits: DcsLimits): Promise<Guarded> {
    return put(this.#dcs, { key: "failover", value: NO_FAILOVER_VALUE }, {
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
    return put(this.#dcs, { key: "failover", value: encodeJson(request) }, {
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
}
