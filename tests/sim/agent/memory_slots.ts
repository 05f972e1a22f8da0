/** The memory twin of the PostgresSlots port, on the logical slots of an instance. */
import type { LogicalSlot } from "../../../lib/core/model/slot_settings.ts";
import { CancelledError, PostgresError } from "../../../lib/ports/errors.ts";
import type {
  LogicalSlotPlan,
  PostgresPeer,
  PostgresSlots,
  SlotFile,
} from "../../../lib/ports/postgres.ts";
import type { Instance } from "../world/instance.ts";
import type { World } from "../world/world.ts";
import type { Bridge } from "./bridge.ts";

/** Decoding reads WAL, which takes its time. */
const DECODING_MS = 50;

/** The logical slots of one member's instance. */
export class MemorySlots implements PostgresSlots {
  readonly #world: World;
  readonly #instance: Instance;
  readonly #bridge: Bridge;

  constructor(world: World, instance: Instance, bridge: Bridge) {
    this.#world = world;
    this.#instance = instance;
    this.#bridge = bridge;
  }

  /** Physical slots are not modelled: WAL is never removed here. */
  apply(): Promise<void> {
    return Promise.resolve();
  }

  async applyLogical(
    plan: LogicalSlotPlan,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#bridge.sleep(DECODING_MS, signal);
    if (signal.aborted) throw new CancelledError("Cancelled");
    const { isWritable, isStandbyRunning, slots, data } = this.#instance;
    if (data === null) return;
    const here = data.point.lsn;
    for (const { name } of isWritable ? plan.create : []) {
      if (slots.has(name)) continue;
      slots.set(name, here);
      this.#world.reader?.slotCreated(this.#instance);
    }
    for (const { name, position } of isStandbyRunning ? plan.advance : []) {
      const from = slots.get(name);
      if (from === undefined) continue;
      slots.set(name, Math.max(from, Math.min(Number(position), here)));
    }
  }

  async fetch(
    source: PostgresPeer,
    wanted: readonly LogicalSlot[],
  ): Promise<readonly SlotFile[]> {
    await this.#bridge.sleep(2 * this.#world.callDelayMs());
    const other = this.#world.instance(source.name);
    const isOpen = this.#world.isLinkOpen(this.#instance.name, source.name);
    if (other?.isWritable !== true || !isOpen) {
      throw new PostgresError("no answer");
    }
    return wanted.flatMap(({ name }) => {
      const confirmed = other.slots.get(name);
      if (confirmed === undefined) return [];
      return [{ name, state: new TextEncoder().encode(String(confirmed)) }];
    });
  }

  install(files: readonly SlotFile[]): Promise<void> {
    for (const { name, state } of files) {
      const confirmed = Number(new TextDecoder().decode(state));
      this.#instance.slots.set(name, confirmed);
    }
    return Promise.resolve();
  }

  /** Transaction ids are nobody's subject here: no slot is ever known to be safe. */
  catalogXmins(): Promise<Readonly<Record<string, number | null>>> {
    return Promise.resolve({});
  }

  setFeedback(): Promise<void> {
    return Promise.resolve();
  }
}
