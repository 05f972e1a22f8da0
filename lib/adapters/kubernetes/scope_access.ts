/**
 * Reads of the scope: which of them ask the store, and what for.
 *
 * An ordinary read asks for the leader's object alone, which is small, and takes
 * the rest from the watches; a list makes the API server read every object of
 * its kind in the namespace.
 */
import type { DcsEntry, DcsLimits, DcsListener } from "../../ports/dcs.ts";
import type { KubeApi } from "./api.ts";
import { type FollowerParts, PartFollower } from "./follower.ts";
import { objectKind, objectName, type ObjectRole } from "./layout.ts";
import type { KubernetesLayout } from "./options.ts";
import type { Part } from "./state.ts";
import type { KubeObject } from "./wire.ts";

/** What reads work with. */
export interface AccessParts extends FollowerParts {
  readonly api: KubeApi;
  readonly layout: KubernetesLayout;
}

/** Reads one scope. */
export class ScopeAccess {
  readonly #parts: AccessParts;
  readonly #followers: Readonly<Record<Part, PartFollower>>;
  readonly #closing = new AbortController();
  #running: Promise<void> | null = null;

  constructor(parts: AccessParts) {
    const kind = objectKind(parts.layout);
    this.#parts = parts;
    this.#followers = {
      objects: new PartFollower(parts, { part: "objects", kind }),
      pods: new PartFollower(parts, { part: "pods", kind: "pods" }),
    };
  }

  /** As the watches have it, with the leader as the store has it now. */
  async current(limits: DcsLimits): Promise<readonly DcsEntry[]> {
    const { objects, pods } = this.#followers;
    if (!objects.isStanding || !pods.isStanding) {
      return await this.fresh(limits);
    }
    await this.refresh("leader", limits);
    return this.look();
  }

  /** As the store has it now. */
  async fresh(limits: DcsLimits): Promise<readonly DcsEntry[]> {
    const { objects, pods } = this.#followers;
    await Promise.all([objects.list(limits), pods.list(limits)]);
    return this.look();
  }

  /** One object as the store has it now. */
  async refresh(
    role: ObjectRole,
    limits: DcsLimits,
  ): Promise<KubeObject | null> {
    const { api, layout, state } = this.#parts;
    const [kind, name] = [objectKind(layout), objectName(layout, role)];
    const object = await api.get(kind, name, limits);
    if (object !== null) this.take("objects", object);
    else if (state.object(role) !== null) {
      // It has no version of its end: only a list tells what is true now.
      await this.#followers.objects.list(limits);
    }
    this.look();
    return state.object(role);
  }

  /** A pod as the store has it now. */
  async refreshPod(name: string, limits: DcsLimits): Promise<void> {
    const object = await this.#parts.api.get("pods", name, limits);
    if (object !== null) this.take("pods", object);
    else await this.#followers.pods.list(limits);
  }

  /** An object that an answer has shown. */
  take(part: Part, object: KubeObject): void {
    this.#parts.state.part(part).take(object);
    this.#followers[part].owes(object.version);
  }

  /** All keys as they are known now. */
  look(): readonly DcsEntry[] {
    return this.#parts.feed.look();
  }

  watch(listener: DcsListener, signal: AbortSignal): void {
    if (this.#closing.signal.aborted) return;
    this.#parts.feed.listeners.add(listener, signal);
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#parts.feed.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { feed } = this.#parts;
    const { signal } = this.#closing;
    const isListed = { objects: false, pods: false };
    const listed = (part: Part) => (): void => {
      isListed[part] = true;
      this.look();
      if (isListed.objects && isListed.pods) feed.stand();
    };
    await Promise.all([
      this.#followers.objects.run(signal, listed("objects")),
      this.#followers.pods.run(signal, listed("pods")),
    ]);
    feed.rest();
    this.#running = null;
  }
}
