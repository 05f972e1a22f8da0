/**
 * One cycle as a trace: the look, each decision with what was done for it, the
 * end. Made only where somebody collects traces.
 */
import { factAttributes } from "../core/calc/traces/failover_trace.ts";
import type { Moment } from "../core/base/units.ts";
import type { Ruling } from "../core/decide.ts";
import { explain } from "../core/explain.ts";
import type { MemberName } from "../core/model/member.ts";
import { leadOf, type Observation } from "../core/model/observation.ts";
import type { EndedSpan, SpanAttributes } from "../core/model/span.ts";
import type { Clock } from "../ports/clock.ts";
import type { Tracer } from "../ports/tracer.ts";

/** Whose cycles, and who collects them. */
interface CycleTracesParts {
  readonly clock: Pick<Clock, "now" | "wallTimeMs">;
  /** Null: nobody. */
  readonly tracer: Tracer | null;
  readonly config: () => { readonly scope: string; readonly self: MemberName };
}

/** Begins traces. */
export class CycleTraces {
  readonly #parts: CycleTracesParts;

  constructor(parts: CycleTracesParts) {
    this.#parts = parts;
  }

  /** Null: nobody collects them. */
  begin(): CycleTrace | null {
    const { tracer, clock, config } = this.#parts;
    return tracer === null ? null : new CycleTrace(tracer, clock, config());
  }
}

/** A step that has begun. */
interface OpenStep {
  readonly name: string;
  readonly since: Moment;
  readonly attributes: SpanAttributes;
}

/** The cycle that runs now. Its steps follow each other; a new one ends the one before. */
export class CycleTrace {
  readonly #tracer: Tracer;
  readonly #clock: Pick<Clock, "now">;
  readonly #startedAt: Moment;
  /** Read once: by a clock of whole milliseconds short steps would change places. */
  readonly #startMs: number;
  readonly #steps: EndedSpan[] = [];
  #attributes: SpanAttributes;
  #open: OpenStep;

  constructor(
    tracer: Tracer,
    clock: Pick<Clock, "now" | "wallTimeMs">,
    { scope, self }: { readonly scope: string; readonly self: MemberName },
  ) {
    this.#tracer = tracer;
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.#startMs = clock.wallTimeMs();
    this.#attributes = { "matriarch.cluster": scope, "matriarch.member": self };
    this.#open = { name: "observe", since: this.#startedAt, attributes: {} };
  }

  /** It is carried out from now on. The last one is the cycle's. */
  decided({ rule, decision }: Ruling, o: Observation): void {
    const told = {
      "matriarch.rule": rule,
      "matriarch.decision": decision.kind,
      "matriarch.reason": decision.reason,
    };
    const facts = "facts" in decision ? factAttributes(decision.facts) : {};
    const sentence = { "matriarch.sentence": explain(decision, o.self) };
    this.#next(decision.kind, { ...told, ...sentence, ...facts });
    this.#attributes = {
      ...this.#attributes,
      ...told,
      "matriarch.lead": leadOf(o),
      "matriarch.paused": o.settings.isPaused,
    };
  }

  /** What the cycle found is published from now on. */
  publishes(): void {
    this.#next("publish", {});
  }

  /** @param error Null: the cycle came to its end. */
  ended(error: string | null): void {
    const now = this.#clock.now();
    this.#close(now, error);
    this.#tracer.tell({
      name: "ha cycle",
      ...this.#times(this.#startedAt, now),
      ...{ attributes: this.#attributes, error, children: this.#steps },
    });
  }

  /** One ends and the next begins at the same moment: no time is nobody's. */
  #next(name: string, attributes: SpanAttributes): void {
    const now = this.#clock.now();
    this.#close(now, null);
    this.#open = { name, since: now, attributes };
  }

  #close(now: Moment, error: string | null): void {
    const { since, ...rest } = this.#open;
    const times = this.#times(since, now);
    this.#steps.push({ ...rest, ...times, error, children: [] });
  }

  #times(since: Moment, until: Moment): Pick<EndedSpan, "startMs" | "endMs"> {
    const at = (moment: Moment) => this.#startMs + (moment - this.#startedAt);
    return { startMs: at(since), endMs: at(until) };
  }
}
