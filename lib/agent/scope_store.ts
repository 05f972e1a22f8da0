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
import type { Pledge } from "../core/model/pledge.ts";
import { encodeFencing, FENCING_KEY } from "../core/codec/fencing_codec.ts";
import type { FencingWrite } from "../core/model/takeover_decision.ts";
import { encodePledge, pledgeKey } from "../core/codec/pledge_codec.ts";
import type { Dcs, DcsCondition, DcsLimits } from "../ports/dcs.ts";
import { type Guarded, guarded, put, unchanged } from "./scope_write.ts";

const INITIALIZE = "initialize";
const FAILOVER = "failover";
const SYNC = "sync";

/** Writes the keys of one scope that decide. Throws what the Dcs port throws. */
export class ScopeStore {
  readonly #dcs: Pick<Dcs, "write">;

  constructor(dcs: Pick<Dcs, "write">) {
    this.#dcs = dcs;
  }

  /** Creates the empty `initialize` key. */
  raceInitialize(limits: DcsLimits): Promise<Guarded> {
    const entry = { key: INITIALIZE, value: BOOTSTRAPPING_VALUE };
    return this.#put(entry, [unchanged(INITIALIZE, null)], limits);
  }

  /** Publishes the system identifier. */
  writeInitialize(
    { systemId, expected }: {
      readonly systemId: string;
      readonly expected: "absent" | "any";
    },
    limits: DcsLimits,
  ): Promise<Guarded> {
    const when = expected === "absent" ? [unchanged(INITIALIZE, null)] : [];
    return this.#put({ key: INITIALIZE, value: systemId }, when, limits);
  }

  /** Deletes the `initialize` key after a failed bootstrap. */
  async cancelInitialize(limits: DcsLimits): Promise<void> {
    const value = BOOTSTRAPPING_VALUE;
    await this.#dcs.write({
      when: [{ kind: "value_is", key: INITIALIZE, value }],
      edits: [{ kind: "delete", key: INITIALIZE }],
    }, limits);
  }

  /** `expected` null: unconditional. */
  writeConfig(
    document: Readonly<Record<string, unknown>>,
    expected: Revision | null,
    limits: DcsLimits,
  ): Promise<Guarded> {
    const key = "config";
    const value = encodeJson(document);
    return this.#put({ key, value }, asSeen(key, expected), limits);
  }

  /** Empties the failover key by compare-and-set. */
  clearFailover(expected: Revision, limits: DcsLimits): Promise<Guarded> {
    const entry = { key: FAILOVER, value: NO_FAILOVER_VALUE };
    return this.#put(entry, asSeen(FAILOVER, expected), limits);
  }

  /** Writes the failover key as given; `expected` null: unconditional. */
  writeFailover(
    request: Readonly<Record<string, string>>,
    expected: Revision | null,
    limits: DcsLimits,
  ): Promise<Guarded> {
    const entry = { key: FAILOVER, value: encodeJson(request) };
    return this.#put(entry, asSeen(FAILOVER, expected), limits);
  }

  /** Writes the sync key, as the leader of that term. */
  async writeSync(
    sync: SyncPublication,
    expected: SyncGuard,
    limits: DcsLimits,
  ): Promise<Guarded> {
    const { revision, term } = expected;
    if (term === null) return "conflict";
    const entry = { key: SYNC, value: encodeSync(sync) };
    const when = [unchanged(SYNC, revision), unchanged("leader", term)];
    return await this.#put(entry, when, limits);
  }

  /** Deletes the sync key, as the leader of that term. */
  async deleteSync(
    { revision, term }: SyncGuard,
    limits: DcsLimits,
  ): Promise<Guarded> {
    if (revision === null) return "written";
    if (term === null) return "conflict";
    return await guarded(this.#dcs, {
      when: [unchanged(SYNC, revision), unchanged("leader", term)],
      edits: [{ kind: "delete", key: SYNC }],
    }, limits);
  }

  /** Writes a member's pledge, or none, over the entry of that revision; null: over none. */
  writePledge(
    { name, revision }: {
      readonly name: string;
      readonly revision: Revision | null;
    },
    pledge: Pledge | null,
    limits: DcsLimits,
  ): Promise<Guarded> {
    const key = pledgeKey(name);
    const entry = { key, value: encodePledge(pledge) };
    return this.#put(entry, [unchanged(key, revision)], limits);
  }

  /** Writes the key `fencing`, if nothing that it rests on has moved. */
  writeFencing(
    { claim, past, guard, term, configRevision }: FencingWrite,
    limits: DcsLimits,
  ): Promise<Guarded> {
    const entry = { key: FENCING_KEY, value: encodeFencing({ claim, past }) };
    const when = [
      unchanged(FENCING_KEY, guard),
      ...asSeen("leader", term),
      ...asSeen("config", configRevision),
    ];
    return this.#put(entry, when, limits);
  }

  #put(
    entry: { readonly key: string; readonly value: string },
    when: readonly DcsCondition[],
    limits: DcsLimits,
  ): Promise<Guarded> {
    return guarded(this.#dcs, put(entry, when), limits);
  }
}

/** Null: however it is. */
function asSeen(
  key: string,
  expected: Revision | null,
): readonly DcsCondition[] {
  return expected === null ? [] : [unchanged(key, expected)];
}
