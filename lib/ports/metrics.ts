/** Counters and gauges of the program itself, rendered by the REST API next to Patroni's names. */

/** A sample: name (`matriarch_*`), help, type, value and labels. */
export interface MetricSample {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** Read side, for the REST API. */
export interface Metrics {
  samples(): readonly MetricSample[];
}
