/**
 * Tells the collector of traces of a change of leader, once, when the proxies
 * have had the time to add what their clients felt. The new leader tells it.
 */
import { after, type Moment } from "../core/base/units.ts";
import { decodeFailovers } from "../core/codec/failovers_codec.ts";
import { failoverTrace } from "../core/calc/traces/failover_trace.ts";
import type { FailoverRecord } from "../core/model/failover.ts";
import type { MemberName } from "../core/model/member.ts";
import type { Observation } from "../core/model/observation.ts";
import type { Clock } from "../ports/clock.ts";
import type { Tracer } from "../ports/tracer.ts";

/** Proxies write after two seconds, later if others write in the same moment. */
const TOLD_AFTER_MS = 8_000;

/** Whose changes, and who collects them. */
interface FailoverTracesParts {
  readonly clock: Pick<Clock, "now">;
  /** Null: nobody. */
  readonly tracer: Tracer | null;
  readonly config: () => { readonly scope: string; readonly self: MemberName };
}

/** Holds a change until it is whole. */
export class FailoverTraces {
  readonly #parts: FailoverTracesParts;
  #untold: { readonly record: FailoverRecord; readonly at: Moment } | null =
    null;

  constructor(parts: FailoverTracesParts) {
    this.#parts = parts;
  }

  /** This member's taking over stands in the store, all its phases. */
  changed(record: FailoverRecord): void {
    const { tracer, clock } = this.#parts;
    if (tracer === null) return;
    this.close();
    this.#untold = { record, at: clock.now() };
  }

  /** At the end of a cycle. */
  follow({ dcs }: Observation): void {
    const { clock } = this.#parts;
    if (this.#untold === null || dcs.kind !== "reachable") return;
    const { record: own, at } = this.#untold;
    if (clock.now() < after(at, TOLD_AFTER_MS)) return;
    const kept = decodeFailovers(dcs.view.failovers?.text ?? null)
      .find(({ term }) => term === own.term);
    this.#tell(kept ?? own);
  }

  /** The agent ends: what is known so far is told. */
  close(): void {
    if (this.#untold !== null) this.#tell(this.#untold.record);
  }

  #tell(record: FailoverRecord): void {
    const { tracer, config } = this.#parts;
    this.#untold = null;
    const trace = failoverTrace(config().scope, record);
    if (trace !== null) tracer?.tell(trace);
  }
}
