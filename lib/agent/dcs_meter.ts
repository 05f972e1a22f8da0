/**
 * The store, with every call counted and timed for the metrics page. Changes
 * nothing of what goes through.
 */
import type { SessionId } from "../core/base/units.ts";
import type { Clock } from "../ports/clock.ts";
import type {
  Dcs,
  DcsCapabilities,
  DcsHint,
  DcsLimits,
  DcsListener,
  DcsNode,
  DcsProof,
  DcsResult,
  DcsSession,
  DcsSnapshot,
  DcsWrite,
  RenewAnswer,
} from "../ports/dcs.ts";
import type { Metrics, MetricSample } from "../ports/metrics.ts";

interface Tally {
  readonly count: number;
  readonly failures: number;
  readonly totalMs: number;
  readonly lastMs: number;
}

const NONE: Tally = { count: 0, failures: 0, totalMs: 0, lastMs: 0 };

/** Passes calls on to a store, and counts and times them. */
export class DcsMeter implements Dcs, Metrics {
  readonly capabilities: DcsCapabilities;
  readonly takeHint: (hint: DcsHint) => void;
  readonly nodes: (limits: DcsLimits) => Promise<readonly DcsNode[]>;
  readonly #dcs: Dcs;
  readonly #clock: Pick<Clock, "now">;
  readonly #tallies = new Map<string, Tally>();
  /** Of calls that went to the store; what memory may answer does not count. */
  readonly health: { lastMs: number | null; failures: number } = {
    lastMs: null,
    failures: 0,
  };

  constructor(dcs: Dcs, clock: Pick<Clock, "now">) {
    this.capabilities = dcs.capabilities;
    this.takeHint = (hint) => dcs.takeHint?.(hint);
    this.nodes = async (limits) => await dcs.nodes?.(limits) ?? [];
    this.#dcs = dcs;
    this.#clock = clock;
  }

  read(limits: DcsLimits): Promise<DcsSnapshot> {
    return this.#timed("read", () => this.#dcs.read(limits));
  }

  readFresh(limits: DcsLimits): Promise<DcsSnapshot> {
    return this.#timed("read_fresh", () => this.#dcs.readFresh(limits));
  }

  write(write: DcsWrite, limits: DcsLimits): Promise<DcsResult> {
    return this.#timed("write", () => this.#dcs.write(write, limits));
  }

  removeScope(limits: DcsLimits): Promise<void> {
    return this.#dcs.removeScope(limits);
  }

  // The labels are older than the port's words, and dashboards know them.
  openSession(ttlMs: number, limits: DcsLimits): Promise<DcsSession> {
    return this.#timed(
      "grant_lease",
      () => this.#dcs.openSession(ttlMs, limits),
    );
  }

  renewSession(id: SessionId, limits: DcsLimits): Promise<RenewAnswer> {
    return this.#timed(
      "renew_lease",
      () => this.#dcs.renewSession(id, limits),
    );
  }

  watch(listener: DcsListener, signal: AbortSignal): void {
    this.#dcs.watch(listener, signal);
  }

  proof(): DcsProof | null {
    return this.#dcs.proof?.() ?? null;
  }

  close(): Promise<void> {
    return this.#dcs.close();
  }

  samples(): readonly MetricSample[] {
    return [
      ...this.#family({
        name: "dcs_requests_total",
        help: "Calls of the store; reads may be served from memory.",
        type: "counter",
      }, ({ count }) => count),
      ...this.#family({
        name: "dcs_failures_total",
        help: "Calls of the store that failed.",
        type: "counter",
      }, ({ failures }) => failures),
      ...this.#family({
        name: "dcs_duration_seconds_total",
        help: "Time spent in calls of the store.",
        type: "counter",
      }, ({ totalMs }) => totalMs / 1000),
      ...this.#family({
        name: "dcs_last_duration_seconds",
        help: "Duration of the last call of the store.",
        type: "gauge",
      }, ({ lastMs }) => lastMs / 1000),
    ];
  }

  async #timed<T>(operation: string, call: () => Promise<T>): Promise<T> {
    const begun = this.#clock.now();
    try {
      const answer = await call();
      this.#note(operation, { lastMs: this.#clock.now() - begun, failures: 0 });
      return answer;
    } catch (error) {
      this.#note(operation, { lastMs: this.#clock.now() - begun, failures: 1 });
      throw error;
    }
  }

  #note(
    operation: string,
    { lastMs, failures }: Pick<Tally, "lastMs" | "failures">,
  ): void {
    if (operation !== "read") {
      this.health.lastMs = lastMs;
      this.health.failures += failures;
    }
    const before = this.#tallies.get(operation) ?? NONE;
    this.#tallies.set(operation, {
      count: before.count + 1,
      failures: before.failures + failures,
      totalMs: before.totalMs + lastMs,
      lastMs,
    });
  }

  #family(
    about: Pick<MetricSample, "name" | "help" | "type">,
    value: (tally: Tally) => number,
  ): readonly MetricSample[] {
    return [...this.#tallies].map(([operation, tally]) => ({
      ...about,
      name: `matriarch_${about.name}`,
      value: value(tally),
      labels: { operation },
    }));
  }
}
