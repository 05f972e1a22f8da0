/**
 * The store as the members' agents tell of it, for a proxy that has no access to
 * the store itself: reads and the watch of the port, nothing else. All agents
 * are listened to at once, so that one that is dead, frozen or cut off from the
 * store holds nobody up; whose view counts is decided in
 * `lib/core/calc/host/fed_views.ts`.
 */
import { after, type Moment } from "../../core/base/units.ts";
import {
  type ClockLink,
  type FedView,
  newestView,
  noteArrival,
  withMessage,
} from "../../core/calc/host/fed_views.ts";
import type { FedMessage } from "../../core/codec/route_feed_codec.ts";
import { DcsListeners } from "../../dcs/listeners.ts";
import type { Clock } from "../../ports/clock.ts";
import type {
  Dcs,
  DcsCapabilities,
  DcsChange,
  DcsLimits,
  DcsListener,
  DcsSnapshot,
} from "../../ports/dcs.ts";
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";
import type { Log } from "../../ports/log.ts";
import { type AgentTls, runAgentStream } from "./agent_stream.ts";

/** An agent asks its store every 5 s, and each time may take as long. */
const BACKED_MS = 15_000;

/** What it is made of. */
interface DcsAgentsParts {
  /** Of the agents' REST APIs. */
  readonly urls: readonly string[];
  readonly scope: string;
  readonly tls: () => Promise<AgentTls>;
  readonly clock: Pick<Clock, "now" | "sleep">;
  readonly log: Log;
}

/** One agent. */
interface Told {
  readonly url: string;
  view: FedView | null;
  link: ClockLink | null;
  /** Why nothing is heard of it; null: it is heard. */
  trouble: string | null;
}

/** The store by the agents' word. */
export class DcsAgents implements Dcs {
  readonly capabilities: DcsCapabilities = {
    hasTransactions: false,
    isSnapshotAtomic: false,
    expiry: "store",
    mayForget: false,
    ttlMinMs: 0,
  };
  readonly #parts: DcsAgentsParts;
  readonly #agents: readonly Told[];
  readonly #listeners = new DcsListeners();
  readonly #closing = new AbortController();
  readonly #streams: Promise<unknown>;
  /** Who waits for a view. */
  readonly #waiting = new Set<() => void>();
  #shown: { readonly view: FedView; readonly snapshot: DcsSnapshot } | null =
    null;
  #confirmedAt: Moment | null = null;

  constructor(parts: DcsAgentsParts) {
    this.#parts = parts;
    this.#agents = parts.urls.map((url) => ({
      ...{ url, view: null, link: null, trouble: "it has not answered yet" },
    }));
    const { signal } = this.#closing;
    this.#streams = Promise.all(
      this.#agents.map((agent) =>
        runAgentStream({
          ...{ ...parts, url: agent.url },
          onMessage: (message) => this.#take(agent, message),
          onEnd: (why) => this.#lose(agent, why),
        }, signal)
      ),
    );
  }

  /** When the store backed what was shown last; null: nothing was yet. */
  confirmedAt(): Moment | null {
    return this.#confirmedAt;
  }

  async read({ timeoutMs }: DcsLimits): Promise<DcsSnapshot> {
    const { clock } = this.#parts;
    const done = new AbortController();
    const onView = (): void => done.abort();
    this.#show();
    if (this.#current() === null) {
      this.#waiting.add(onView);
      await clock.sleep(timeoutMs, done.signal);
      this.#waiting.delete(onView);
    }
    const shown = this.#shown;
    if (this.#current() !== null && shown !== null) return shown.snapshot;
    throw new DcsUnreachableError(this.#troubles());
  }

  readFresh(limits: DcsLimits): Promise<DcsSnapshot> {
    return this.read(limits);
  }

  write(): Promise<never> {
    return refused();
  }

  removeScope(): Promise<never> {
    return refused();
  }

  openSession(): Promise<never> {
    return refused();
  }

  renewSession(): Promise<never> {
    return refused();
  }

  watch(listener: DcsListener, signal: AbortSignal): void {
    this.#listeners.add(listener, signal);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#listeners.close();
    for (const onView of this.#waiting) onView();
    await this.#streams;
  }

  #take(agent: Told, message: FedMessage): void {
    const { clock, log, scope } = this.#parts;
    if (message.scope !== scope) {
      const why = `it tells of scope "${message.scope}"`;
      if (agent.trouble !== why) log.error(`${agent.url}: ${why}`);
      agent.trouble = why;
      agent.view = null;
      return;
    }
    agent.link = noteArrival(agent.link, {
      sentAt: message.sentAt,
      now: clock.now(),
    });
    agent.view = withMessage(agent.view, message, agent.link);
    if (agent.trouble !== null) log.info(`${agent.url} tells the routes`);
    agent.trouble = null;
    this.#show();
  }

  #lose(agent: Told, why: string): void {
    if (agent.trouble === null || agent.view !== null) {
      this.#parts.log.warning(`${agent.url} tells no routes any more: ${why}`);
    }
    agent.trouble = why;
    agent.view = null;
    agent.link = null;
  }

  /** The view that counts; null: the store has backed none for long. */
  #current(): FedView | null {
    const views = this.#agents.flatMap(({ view }) => view ?? []);
    return newestView(views, after(this.#parts.clock.now(), -BACKED_MS));
  }

  /** Tells what has changed since it was told last. */
  #show(): void {
    const view = this.#current();
    if (view === null) return;
    this.#confirmedAt = view.asOf;
    const before = this.#shown;
    const changes = changesOf(before?.view ?? null, view);
    if (before === null || changes.length > 0) {
      const entries = [...view.entries.values()]
        .map((one) => ({ ...one, isHeld: false }))
        .toSorted((one, other) => one.key < other.key ? -1 : 1);
      this.#shown = { view, snapshot: { entries } };
    }
    if (before === null) this.#listeners.stand();
    else for (const change of changes) this.#listeners.tell(change);
    for (const onView of this.#waiting) onView();
  }

  #troubles(): string {
    const { clock } = this.#parts;
    const now = clock.now();
    const texts = this.#agents.map(({ trouble, url, view }) => {
      const ageMs = now - (view?.asOf ?? now);
      const why = trouble ??
        (view?.asOf === null
          ? "its store has not answered it yet"
          : `its store has not answered it for ${Math.round(ageMs / 1000)} s`);
      return `${url}: ${why}`;
    });
    return `No agent knows the routes (${texts.join("; ")})`;
  }
}

/** What `now` has other than `before`; of nothing before, nothing is told. */
function changesOf(before: FedView | null, now: FedView): readonly DcsChange[] {
  if (before === null || before.entries === now.entries) return [];
  const set = [...now.entries.values()].filter(({ key, revision, value }) => {
    const known = before.entries.get(key);
    return known?.value !== value || known.revision !== revision;
  });
  const gone = [...before.entries.values()]
    .filter(({ key }) => !now.entries.has(key))
    .map(({ key, revision }) => ({ key, revision, value: null }));
  return [...set, ...gone];
}

function refused(): Promise<never> {
  return Promise.reject(
    new DcsRefusedError("A proxy that asks agents only reads"),
  );
}
