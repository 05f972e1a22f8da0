/** How far members were behind in the last ten minutes, for the lines of the cluster page. */
import type { Moment } from "../core/base/units.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import { clusterDocument } from "../core/calc/documents/cluster_document.ts";

/** Between two values of a line; samples are not closer. */
export const LAG_EVERY_MS = 5_000;

/** Ten minutes. */
export const LAG_SAMPLES_MAX = 120;

/** Members of which samples are kept. */
const MEMBERS_MAX = 500;

/** Bytes behind by member, at one moment; a member without is not known or leads. */
export type LagSample = Readonly<Record<string, number>>;

/** What each member that follows lacks of what the leader has published. */
export function lagSample(view: ClusterView): LagSample {
  const { members } = clusterDocument(view);
  return Object.fromEntries(
    members.slice(0, MEMBERS_MAX).flatMap(({ name, replay_lag: lag }) =>
      typeof lag === "number" ? [[name, lag]] : []
    ),
  );
}

/** A sample, and when it was taken. */
interface Noted {
  readonly at: Moment;
  readonly sample: LagSample;
}

/** Keeps the samples of ten minutes, however far they are apart. */
export class LagLines {
  #noted: readonly Noted[] = [];

  note(sample: LagSample, at: Moment): void {
    this.#noted = [...this.#noted, { at, sample }].slice(-LAG_SAMPLES_MAX);
  }

  /**
   * One value for each {@link LAG_EVERY_MS} until `now`, oldest first: what was
   * noted last at that time; null where nothing is known.
   */
  lines(now: Moment): Readonly<Record<string, readonly (number | null)[]>> {
    const samples = this.#samples(now);
    const names = new Set(samples.flatMap((each) => Object.keys(each)));
    return Object.fromEntries(
      [...names].map((name) => [
        name,
        samples.map((each) =>
          Object.hasOwn(each, name) ? each[name] ?? null : null
        ),
      ]),
    );
  }

  #samples(now: Moment): readonly LagSample[] {
    const [first] = this.#noted;
    if (first === undefined) return [];
    const steps = Math.floor((now - first.at) / LAG_EVERY_MS);
    const count = Math.min(LAG_SAMPLES_MAX, Math.max(0, steps) + 1);
    return Array.from({ length: count }, (_, index) => {
      const until = now - (count - 1 - index) * LAG_EVERY_MS;
      return this.#noted.findLast(({ at }) => at <= until)?.sample ?? {};
    });
  }
}
