/**
 * Guarded writes. Kubernetes changes one object at a time, if it still has the
 * version that was named; so a write is one change of one object, and what it
 * asks of that object's own keys is checked and done in one step.
 *
 * What it asks of another object (the sync key is written while the term of the
 * leader lasts) is looked up just before. That such a write of an old leader
 * cannot arrive after the look of a new one all the same is seen to when the lead
 * is taken: see `#fenceSync`.
 */
import { after, remainingMs, type Revision } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type {
  DcsCondition,
  DcsEdit,
  DcsEntry,
  DcsLimits,
  DcsWrite,
} from "../../ports/dcs.ts";
import { DcsRefusedError } from "../../ports/errors.ts";
import type { KubeApi } from "./api.ts";
import { createBody, type ObjectChange, patchBody } from "./bodies.ts";
import {
  annotationsOf,
  type KeyPlace,
  objectKind,
  objectName,
  placeOf,
} from "./layout.ts";
import type { LeaderKey } from "./leader_key.ts";
import type { MemberKey } from "./member_key.ts";
import type { KubernetesLayout } from "./options.ts";
import type { ScopeAccess } from "./scope_access.ts";
import { revisionIn, type ScopeState } from "./state.ts";
import type { KubeObject } from "./wire.ts";

/** What a write works with. */
export interface WriterParts {
  readonly api: KubeApi;
  readonly layout: KubernetesLayout;
  readonly clock: Clock;
  readonly access: ScopeAccess;
  readonly state: ScopeState;
  readonly leader: LeaderKey;
  readonly member: MemberKey;
}

/** What became of a write. */
export type Written =
  | { readonly kind: "put"; readonly revision: Revision }
  /** There is no such key now. */
  | { readonly kind: "none" }
  | { readonly kind: "condition_failed" };

/** A change that is to be made, and of what. */
interface Order {
  readonly place: KeyPlace;
  readonly edit: DcsEdit;
  readonly change: ObjectChange;
}

type Sent =
  | { readonly kind: "done"; readonly object: KubeObject }
  /** There is nothing to delete. */
  | { readonly kind: "none" }
  | { readonly kind: "conflict" };

/** The annotation of the sync object that says whose term it belongs to. */
const TERM = "term";

/** Writes the keys of one scope. */
export class ScopeWriter {
  readonly #parts: WriterParts;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** One write; repeated as long as somebody else is faster. */
  async write({ when, edits }: DcsWrite, limits: DcsLimits): Promise<Written> {
    const [edit, ...others] = edits;
    if (edit === undefined || others.length > 0) {
      throw new DcsRefusedError("Kubernetes writes one key at a time");
    }
    const place = placeNamed(edit.key);
    const left = this.#timer(limits);
    for (;;) {
      const checked = await this.#check(when, place, left());
      if (checked === null) return { kind: "condition_failed" };
      const { object } = checked;
      const version = when.length === 0 ? null : object?.version ?? 0n;
      const change = {
        ...await this.#changeOf(place, edit, { ...left(), object }),
        version,
      };
      const sent = await this.#send({ place, edit, change }, left());
      if (sent.kind === "conflict") continue;
      if (sent.kind === "none") return sent;
      return await this.#written(place, edit, { ...left(), ...sent });
    }
  }

  /** What was written, once that counts. */
  async #written(
    place: KeyPlace,
    edit: DcsEdit,
    { object, ...limits }: DcsLimits & { readonly object: KubeObject },
  ): Promise<Written> {
    const { access, leader } = this.#parts;
    const mark = revisionIn(edit.key, object);
    const isBid = edit.key === "leader" && edit.kind === "put" &&
      edit.session !== null;
    if (isBid && mark !== null) leader.bound(mark);
    access.take(place.kind === "pod" ? "pods" : "objects", object);
    if (isBid && mark !== null) await this.#fenceSync(mark, limits);
    access.look();
    return mark === null ? { kind: "none" } : { kind: "put", revision: mark };
  }

  /**
   * Changes the version of the sync object for the term that has just begun. A
   * leader of before names an older one: what it has sent has arrived by now,
   * and is seen by whoever reads next, or is refused.
   */
  async #fenceSync(term: Revision, limits: DcsLimits): Promise<void> {
    const place = { kind: "object", role: "sync" } as const;
    const edit = {
      kind: "put",
      key: "sync",
      value: "",
      session: null,
    } as const;
    const change = { annotations: { [TERM]: term }, version: null };
    const left = this.#timer(limits);
    for (;;) {
      const sent = await this.#send({ place, edit, change }, left());
      if (sent.kind !== "done") continue;
      return this.#parts.access.take("objects", sent.object);
    }
  }

  async #changeOf(
    place: KeyPlace,
    edit: DcsEdit,
    at: DcsLimits & { readonly object: KubeObject | null },
  ): Promise<Omit<ObjectChange, "version">> {
    const { leader, member } = this.#parts;
    if (edit.key === "leader") return await leader.changeOf(edit, at);
    const value = edit.kind === "put" ? edit.value : null;
    const annotations = annotationsOf(edit.key, value);
    if (annotations === null) {
      throw new DcsRefusedError(
        `Kubernetes has no form for this value of "${edit.key}"`,
      );
    }
    return place.kind === "pod"
      ? { annotations, labels: member.labelsOf(place.name, value) }
      : { annotations };
  }

  /** Changes an object, or makes it. A version of 0 means that there is none. */
  async #send(order: Order, limits: DcsLimits): Promise<Sent> {
    const { place, edit, change } = order;
    const { api, layout } = this.#parts;
    const left = this.#timer(limits);
    const what = this.#named(place);
    if (change.version !== 0n) {
      const body = patchBody(layout, change);
      const how = change.version === null ? "repeatable" : "guarded";
      const outcome = await api.patch(what, { body, how }, left());
      if (outcome.kind !== "missing") return outcome;
      if (change.version !== null) return { kind: "conflict" };
    }
    if (edit.kind === "delete") return { kind: "none" };
    if (place.kind === "pod") throw this.#noPod(place.name);
    const body = createBody(layout, what.name, change);
    return await api.create(what.kind, body, left());
  }

  /**
   * Whether all conditions hold, by asking the store for every object that they
   * name; null: they do not.
   */
  async #check(
    when: readonly DcsCondition[],
    place: KeyPlace,
    limits: DcsLimits,
  ): Promise<{ readonly object: KubeObject | null } | null> {
    if (when.length === 0) return { object: this.#known(place) };
    const { access } = this.#parts;
    const left = this.#timer(limits);
    const others = when.map(({ key }) => placeNamed(key))
      .filter((one) => !isSame(one, place));
    for (const one of [place, ...others]) {
      if (one.kind === "pod") await access.refreshPod(one.name, left());
      else await access.refresh(one.role, left());
    }
    const entries = access.look();
    const areMet = when.every((condition) =>
      holds(condition, entries.find(({ key }) => key === condition.key))
    );
    // The version that was looked at just now, without a pause in between.
    return areMet ? { object: this.#known(place) } : null;
  }

  #known(place: KeyPlace): KubeObject | null {
    const { state } = this.#parts;
    return place.kind === "pod"
      ? state.pod(place.name)
      : state.object(place.role);
  }

  #named(place: KeyPlace): Parameters<KubeApi["patch"]>[0] {
    const { layout } = this.#parts;
    return place.kind === "pod"
      ? { kind: "pods", name: place.name }
      : { kind: objectKind(layout), name: objectName(layout, place.role) };
  }

  #noPod(name: string): DcsRefusedError {
    return new DcsRefusedError(
      `There is no pod "${name}" in the namespace ` +
        `"${this.#parts.layout.namespace}": the name of a member is that of ` +
        "its pod",
    );
  }

  #timer({ timeoutMs }: DcsLimits): () => DcsLimits {
    const { clock } = this.#parts;
    const deadline = after(clock.now(), timeoutMs);
    return () => ({ timeoutMs: remainingMs(deadline, clock.now()) });
  }
}

function placeNamed(key: string): KeyPlace {
  const place = placeOf(key);
  if (place !== null) return place;
  throw new DcsRefusedError(`Kubernetes has no place for the key "${key}"`);
}

function isSame(one: KeyPlace, other: KeyPlace): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function holds(condition: DcsCondition, entry: DcsEntry | undefined): boolean {
  switch (condition.kind) {
    case "absent":
      return entry === undefined;
    case "value_is":
      return entry?.value === condition.value;
    case "revision_is":
      return entry?.revision === condition.revision;
  }
}
