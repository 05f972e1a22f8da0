/**
 * Keeps what `top` shows up to date: reads the store again and again, and asks
 * the members in the background, so that one that hangs holds up nothing.
 */
import { storeCaution } from "../../config/stores/all.ts";
import type { Clock } from "../../ports/clock.ts";
import { LAG_EVERY_MS, LagLines, lagSample } from "../../ui/lag_lines.ts";
import { explainTexts } from "../commands/explain.ts";
import { messageOf } from "../errors.ts";
import type { Scope, Session } from "../session.ts";
import type { TopFacts } from "./facts.ts";
import { lookAtMembers } from "./looks.ts";

/** Members are asked that often at most, and each of them makes it longer. */
const ASK_EVERY_MS = 2_000;
const ASK_MS_PER_MEMBER = 25;

/** What it works with. */
export interface WatchParts {
  readonly session: Session;
  readonly scope: Scope;
  /** Between two reads of the store. */
  readonly everyMs: number;
  /** There is something new. Must not throw. */
  readonly onChange: () => void;
}

/** What is known before anything was read. */
export function noFacts(
  { session, scope }: Pick<WatchParts, "session" | "scope">,
): TopFacts {
  return {
    ...{ cluster: scope.name, group: scope.group },
    ...{ view: null, readAtMs: 0, storeError: null, looks: null, lag: {} },
    caution: storeCaution(session.settings.dcs),
    explanation: null,
  };
}

/** What is known of a cluster, kept up to date. */
export class ClusterWatch {
  readonly #parts: WatchParts;
  readonly #lag = new LagLines();
  readonly #looking: Turns;
  readonly #explaining: Turns;
  readonly #sampling: Turns;
  #facts: TopFacts;
  #isExplaining = false;
  #waking = new AbortController();

  constructor(parts: WatchParts) {
    const { clock } = parts.session.context;
    this.#parts = parts;
    this.#facts = noFacts(parts);
    this.#looking = new Turns(clock);
    this.#explaining = new Turns(clock);
    this.#sampling = new Turns(clock);
  }

  /** What is known now. */
  get facts(): TopFacts {
    return this.#facts;
  }

  /** What `explain` says is wanted, too, or not any more: it costs the members more. */
  explain(wanted: "yes" | "no"): void {
    const isWanted = wanted === "yes";
    if (isWanted && !this.#isExplaining) this.#waking.abort();
    this.#isExplaining = isWanted;
  }

  /** Goes on until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { session: { context: { clock } }, everyMs } = this.#parts;
    const onAbort = (): void => this.#waking.abort();
    signal.addEventListener("abort", onAbort);
    while (!signal.aborted) {
      this.#waking = new AbortController();
      await this.#read();
      if (signal.aborted) break;
      this.#ask();
      await clock.sleep(everyMs, this.#waking.signal);
    }
    signal.removeEventListener("abort", onAbort);
  }

  async #read(): Promise<void> {
    const { scope, session: { context: { clock } } } = this.#parts;
    try {
      const view = await scope.read();
      this.#sampling.take(LAG_EVERY_MS, () => {
        this.#lag.note(lagSample(view), clock.now());
        return Promise.resolve();
      });
      this.#set({
        ...{ view, storeError: null, readAtMs: clock.wallTimeMs() },
        lag: this.#lag.lines(clock.now()),
      });
    } catch (error) {
      this.#set({ storeError: messageOf(error) });
    }
  }

  /** In the background; neither of the two rejects. */
  #ask(): void {
    const { session, scope } = this.#parts;
    const { view } = this.#facts;
    if (view === null) return;
    const everyMs = ASK_EVERY_MS + ASK_MS_PER_MEMBER * view.members.length;
    this.#looking.take(everyMs, async () => {
      this.#set({ looks: await lookAtMembers(session, view) });
    });
    if (!this.#isExplaining) return;
    this.#explaining.take(everyMs, async () => {
      const explanation = await explainTexts(session, scope)
        .catch((error) => [messageOf(error)]);
      this.#set({ explanation });
    });
  }

  #set(news: Partial<TopFacts>): void {
    this.#facts = { ...this.#facts, ...news };
    this.#parts.onChange();
  }
}

/** Something that is done now and then, never twice at the same time. */
class Turns {
  readonly #clock: Pick<Clock, "now">;
  #isBusy = false;
  #endedAt = -Infinity;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** @param work Must not reject. */
  take(everyMs: number, work: () => Promise<void>): void {
    if (this.#isBusy || this.#clock.now() - this.#endedAt < everyMs) return;
    this.#isBusy = true;
    void work().finally(() => {
      this.#isBusy = false;
      this.#endedAt = this.#clock.now();
    });
  }
}
