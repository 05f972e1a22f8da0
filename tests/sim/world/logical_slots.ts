/**
 * Logical replication slots as far as failover is concerned: how far each one's
 * consumer confirmed, on each instance that has it; and the consumer itself,
 * who goes to whoever leads and reads on from where it is.
 */
import { type Branch, commonLsn, type Point } from "./wal.ts";
import type { Instance } from "./instance.ts";
import type { World } from "./world.ts";

/** The only slot of a world that has one. */
export const SLOT = { name: "reader", database: "app", plugin: "pgoutput" };

/** The consumer of the slot, and what it has seen. */
export class Reader {
  readonly #world: World;
  /** The last one of each branch; also of branches that were cut off since. */
  readonly #seen = new Map<Branch, Point>();

  constructor(world: World) {
    this.#world = world;
    this.#visit();
  }

  /** A new slot: whoever reads it begins there. */
  slotCreated(instance: Instance): void {
    const here = instance.data?.point ?? null;
    if (here !== null) this.#seen.set(here.branch, here);
  }

  #visit(): void {
    const rng = this.#world.rng("reader");
    const leader = this.#world.driver.leader();
    const site = leader === null ? null : this.#world.site(leader);
    const isServed = site?.instance.isWritable === true &&
      site.host.isBelieving;
    if (isServed) this.#read(site.instance);
    this.#world.timeline.after(rng.int(100, 3_000), () => this.#visit());
  }

  /** It confirms what it got the last time, and gets what is new. */
  #read(instance: Instance): void {
    const confirmed = instance.slots.get(SLOT.name);
    const here = instance.data?.point;
    if (confirmed === undefined || here === undefined) return;
    const seen = Math.max(
      ...[...this.#seen.values()].map((point) => commonLsn(here, point)),
    );
    this.#world.checkers.slotServed(instance.name, { confirmed, seen });
    instance.slots.set(SLOT.name, Math.max(confirmed, seen));
    this.#seen.set(here.branch, here);
  }
}
