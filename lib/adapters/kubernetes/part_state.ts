/**
 * The objects of one kind as this process knows them. Nothing in here goes back
 * in time: of two versions of an object the newer one counts, whoever told it (a
 * watch, a list, an own write).
 */
import type { KubeList, KubeObject } from "./wire.ts";

type Objects = ReadonlyMap<string, KubeObject>;

/** Objects by their names. */
export class PartState {
  readonly #onChange: () => void;
  #at: bigint | null = null;
  #objects: Objects = new Map();

  /** @param onChange Called after each change. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Nothing until that version is missing; null: nothing is known. */
  get at(): bigint | null {
    return this.#at;
  }

  /** By name; another map after each change. */
  get objects(): Objects {
    return this.#objects;
  }

  /** An object as somebody told it. */
  take(object: KubeObject): void {
    const before = this.#objects.get(object.name);
    if (before !== undefined && before.version >= object.version) return;
    this.#replace(new Map(this.#objects).set(object.name, object));
  }

  /** What a watch told, in its order: until then nothing else has happened. */
  takeNext(object: KubeObject): void {
    if (object.version <= (this.#at ?? 0n)) return;
    this.take(object);
    this.moveOn(object.version);
  }

  /** A watch told that an object is gone. */
  dropNext(object: KubeObject): void {
    if (object.version <= (this.#at ?? 0n)) return;
    const before = this.#objects.get(object.name);
    if (before !== undefined && before.version <= object.version) {
      const next = new Map(this.#objects);
      next.delete(object.name);
      this.#replace(next);
    }
    this.moveOn(object.version);
  }

  /** Until then nothing has happened that is not known. */
  moveOn(version: bigint): void {
    if (this.#at === null || version > this.#at) this.#at = version;
  }

  /**
   * All objects, read now.
   *
   * @param before What {@link at} was when they were asked for.
   * @returns `older`: meanwhile more is known, so ask again; `went_back`: the
   * store itself is older than it was, and what it says counts.
   */
  takeList(
    list: KubeList,
    before: bigint | null,
  ): "taken" | "older" | "went_back" {
    const at = this.#at;
    const listed = new Map(list.items.map((one) => [one.name, one]));
    const isBack = at !== null && list.version < at;
    if (isBack && at !== before) return "older";
    if (!isBack) {
      for (const object of this.#objects.values()) {
        const now = listed.get(object.name)?.version ?? list.version;
        if (object.version > now) listed.set(object.name, object);
      }
    }
    this.#at = list.version;
    this.#replace(listed);
    return isBack ? "went_back" : "taken";
  }

  #replace(objects: Objects): void {
    this.#objects = objects;
    this.#onChange();
  }
}
