/** Which cells of the ledger are whose: a slot for each backend of each door. */
import { type Backend, backendKey } from "../lib/core/model/routes.ts";
import type { Route } from "./doors.ts";

/**
 * Backends (per route) that get cells of their own; later ones share the last.
 * None is ever given back, and a pod has another address after each start. The
 * kernel gives memory to cells when they are first used: from 128 KiB on a buffer
 * is a mapping of its own, so that more cells cost less than a few hundred would.
 */
export const SLOTS_MAX = 2_048;

/** Names the cells of backends; every thread must use the same names. */
export class SlotBook {
  readonly #slots = new Map<string, SlotEntry>();
  /** The first slot of each backend, of whichever route. */
  readonly #servers = new Map<string, number>();

  /** The slot of a backend, given out at its first use. */
  slotOf(route: Route, backend: Backend): number {
    const key = `${route} ${backendKey(backend)}`;
    const known = this.#slots.get(key);
    if (known !== undefined) return known.slot;
    const slot = Math.min(this.#slots.size, SLOTS_MAX - 1);
    this.#put(key, { route, backend, slot });
    return slot;
  }

  /** One number per backend, the same for all routes. */
  serverOf(route: Route, backend: Backend): number {
    const slot = this.slotOf(route, backend);
    return this.#servers.get(backendKey(backend)) ?? slot;
  }

  /** All slots given out so far. */
  entries(): readonly SlotEntry[] {
    return [...this.#slots.values()];
  }

  /** Takes over what another thread's book has given out. */
  learn(entries: readonly SlotEntry[]): void {
    for (const entry of entries) {
      const { backend, route } = entry;
      this.#put(`${route} ${backendKey(backend)}`, entry);
    }
  }

  #put(key: string, entry: SlotEntry): void {
    this.#slots.set(key, entry);
    const server = backendKey(entry.backend);
    const before = this.#servers.get(server) ?? entry.slot;
    this.#servers.set(server, Math.min(before, entry.slot));
  }
}

/** One slot and what it is for. */
export interface SlotEntry {
  readonly route: Route;
  readonly backend: Backend;
  readonly slot: number;
}
