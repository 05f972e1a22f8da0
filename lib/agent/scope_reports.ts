/**
 * What a member tells the others through the store: itself, and as leader the
 * status, the history and whom it would ask without a store.
 */
import { memberKey } from "../core/codec/cluster_view_codec.ts";
import {
  encodeFailsafe,
  type FailsafeMap,
} from "../core/codec/failsafe_codec.ts";
import {
  encodeFailovers,
  FAILOVERS_KEY,
} from "../core/codec/failovers_codec.ts";
import { encodeHistory } from "../core/codec/history_codec.ts";
import {
  encodeStatus,
  type StatusPublication,
} from "../core/codec/status_codec.ts";
import type { Revision, SessionId } from "../core/base/units.ts";
import type { FailoverRecord } from "../core/model/failover.ts";
import type { HistoryLine } from "../core/model/cluster_view.ts";
import type { Dcs, DcsLimits } from "../ports/dcs.ts";
import { type Guarded, guarded, put, unchanged } from "./scope_write.ts";

/** Writes the keys of one scope that report. Throws what the Dcs port throws. */
export class ScopeReports {
  readonly #dcs: Pick<Dcs, "write">;

  constructor(dcs: Pick<Dcs, "write">) {
    this.#dcs = dcs;
  }

  /** Writes the own member key, bound to the own session. */
  async touchMember(
    member: { readonly name: string; readonly text: string },
    session: SessionId,
    limits: DcsLimits,
  ): Promise<void> {
    const [key, value] = [memberKey(member.name), member.text];
    const edit = { kind: "put", key, value, session } as const;
    await this.#dcs.write({ when: [], edits: [edit] }, limits);
  }

  writeStatus(status: StatusPublication, limits: DcsLimits): Promise<Guarded> {
    return this.#report("status", encodeStatus(status), limits);
  }

  /** Whom a leader asks when the store is away. */
  writeFailsafe(map: FailsafeMap, limits: DcsLimits): Promise<Guarded> {
    return this.#report("failsafe", encodeFailsafe(map), limits);
  }

  writeHistory(
    lines: readonly HistoryLine[],
    limits: DcsLimits,
  ): Promise<Guarded> {
    return this.#report("history", encodeHistory(lines), limits);
  }

  /** Others write this key, too; `seen` null: it was not there. */
  writeFailovers(
    records: readonly FailoverRecord[],
    seen: Revision | null,
    limits: DcsLimits,
  ): Promise<Guarded> {
    const entry = { key: FAILOVERS_KEY, value: encodeFailovers(records) };
    return guarded(
      this.#dcs,
      put(entry, [unchanged(FAILOVERS_KEY, seen)]),
      limits,
    );
  }

  #report(key: string, value: string, limits: DcsLimits): Promise<Guarded> {
    return guarded(this.#dcs, put({ key, value }), limits);
  }
}
