/**
 * The objects of the scope as this process knows them, the keys of the port in
 * them, and who leads, as far as this process has heard of it.
 */
import { type Moment, type Revision, revision } from "../../core/base/units.ts";
import {
  endedSessions,
  nextEnd,
  NO_SESSIONS,
  type WatchedSession,
  watchSessions,
} from "../../core/calc/lead/observed_sessions.ts";
import type { DcsEntry } from "../../ports/dcs.ts";
import {
  keysOf,
  memberKey,
  OBJECT_ROLES,
  objectName,
  type ObjectRole,
  valueOf,
} from "./layout.ts";
import type { KubernetesLayout } from "./options.ts";
import {
  digestOf,
  type LeaderRecord,
  recordOf,
  sightingOf,
  termOf,
} from "./record.ts";
import { PartState } from "./part_state.ts";
import type { KubeObject } from "./wire.ts";

/** The scope's objects, or its pods: each has a list and a watch of its own. */
export type Part = "objects" | "pods";

/** What the state is made from. */
export interface StateParts {
  readonly layout: KubernetesLayout;
  readonly now: () => Moment;
  /** For a record that does not say how long it lasts. */
  readonly defaultTtlMs: () => number;
}

/** The leader key's object. */
export interface LeaderState {
  readonly object: KubeObject | null;
  /** Null: nobody leads, or for too long nobody has heard of who did. */
  readonly record: LeaderRecord | null;
}

/** What this process knows. */
export class ScopeState {
  readonly #parts: StateParts;
  readonly #known: Readonly<Record<Part, PartState>>;
  #watched: readonly WatchedSession[] = NO_SESSIONS;
  #shown: Shown | null = null;
  /** The term of the own session. */
  #held: Revision | null = null;

  constructor(parts: StateParts) {
    this.#parts = parts;
    this.#known = {
      objects: new PartState(() => this.#look()),
      pods: new PartState(() => {}),
    };
  }

  /** The scope's objects, or its pods. */
  part(part: Part): PartState {
    return this.#known[part];
  }

  /** One of the scope's four objects. */
  object(role: ObjectRole): KubeObject | null {
    const name = objectName(this.#parts.layout, role);
    return this.#known.objects.objects.get(name) ?? null;
  }

  /** A member's pod. */
  pod(name: string): KubeObject | null {
    return this.#known.pods.objects.get(name) ?? null;
  }

  get leader(): LeaderState {
    const object = this.object("leader");
    const record = object === null ? null : recordOf(object.annotations);
    return { object, record: this.#isOver ? null : record };
  }

  /** When the leader is or was over, if nobody hears of it; null: nobody leads. */
  get leaderEnd(): Moment | null {
    return nextEnd(this.#watched);
  }

  /** The term that the own session holds; null: none. */
  hold(term: Revision | null): void {
    this.#held = term;
  }

  /** All keys, sorted; the same object until something changes. */
  entries(): readonly DcsEntry[] {
    const { record } = this.leader;
    const { objects: { objects }, pods: { objects: pods } } = this.#known;
    const [held, isLed] = [this.#held, record !== null];
    const shown = this.#shown;
    const isSame = shown?.objects === objects && shown.pods === pods &&
      shown.held === held && shown.isLed === isLed;
    if (isSame) return shown.entries;
    const entries = [
      ...(record === null ? [] : [leaderEntry(record, held)]),
      ...OBJECT_ROLES.flatMap((role) => entriesOf(role, this.object(role))),
      ...[...pods.values()].flatMap(memberEntry),
    ].sort((a, b) => a.key < b.key ? -1 : 1);
    this.#shown = { objects, pods, isLed, held, entries };
    return entries;
  }

  get #isOver(): boolean {
    const now = this.#parts.now();
    return endedSessions(this.#watched, now).length > 0;
  }

  /** What was told just now may be a sign of life of the leader. */
  #look(): void {
    const object = this.object("leader");
    const record = object === null ? null : recordOf(object.annotations);
    const seen = record === null
      ? []
      : [sightingOf(record, this.#parts.defaultTtlMs())];
    this.#watched = watchSessions(this.#watched, seen, this.#parts.now());
  }
}

/** Entries, and what they were made of. */
interface Shown {
  readonly objects: PartState["objects"];
  readonly pods: PartState["objects"];
  readonly isLed: boolean;
  readonly held: Revision | null;
  readonly entries: readonly DcsEntry[];
}

/** The revision that a key has in an object; null: it is not in there. */
export function revisionIn(key: string, object: KubeObject): Revision | null {
  if (key === "leader") {
    const record = recordOf(object.annotations);
    return record === null ? null : termOf(record);
  }
  const value = valueOf(key, object.annotations);
  if (value === null) return null;
  // A revision made of what the key says is not changed by its neighbours in
  // the object. A request to fail over may be made twice in the same words.
  return key === "failover" ? revision(object.version) : digestOf(value);
}

function leaderEntry(record: LeaderRecord, held: Revision | null): DcsEntry {
  const term = termOf(record);
  const { leader: value } = record;
  return { key: "leader", value, revision: term, isHeld: term === held };
}

function entriesOf(
  role: ObjectRole,
  object: KubeObject | null,
): readonly DcsEntry[] {
  return object === null
    ? []
    : keysOf(role).flatMap((key) => entryIn(key, object));
}

function memberEntry(pod: KubeObject): readonly DcsEntry[] {
  return entryIn(memberKey(pod.name), pod);
}

function entryIn(key: string, object: KubeObject): readonly DcsEntry[] {
  const value = valueOf(key, object.annotations);
  const mark = revisionIn(key, object);
  if (value === null || mark === null) return [];
  return [{ key, value, revision: mark, isHeld: false }];
}
