/**
 * Routes and rules that go with a virtual address: put in place when it has been
 * bound, taken away before it goes. An address may have gone without any code of
 * ours, as when its agent was killed; what it left behind is taken away by the
 * next process that finds the address missing.
 */
import {
  routeCommands,
  ruleCommands,
} from "../../core/calc/host/vip_outfit.ts";
import type { CommandWords, Vip } from "../../core/model/vip.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { firstLine } from "./host_programs.ts";
import type { VipTools } from "./vip_tools.ts";

/** Nobody who has to let an address go waits longer for its routes. */
const UNDRESS_MS_MAX = 300;

/** What is needed. */
interface VipOutfitParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly tools: VipTools;
}

/** Puts routes and rules in place, and takes them away. */
export class VipOutfit {
  readonly #parts: VipOutfitParts;
  /** What this process has put in place (null: has taken away) by address; absent: it does not know. */
  readonly #known = new Map<string, Vip | null>();
  readonly #said = new Set<string>();

  constructor(parts: VipOutfitParts) {
    this.#parts = parts;
  }

  /** The address is here: so shall the rest be. */
  async putOn(vip: Vip, signal: AbortSignal): Promise<void> {
    const known = this.#known.get(keyOf(vip));
    if (known === vip || isSameOutfit(known ?? null, vip)) return;
    if (known !== undefined && known !== null) {
      await this.#remove(known, signal);
    }
    this.#known.set(keyOf(vip), vip);
    const { log, tools } = this.#parts;
    for (const { add, remove } of commandsOf(vip)) {
      if (signal.aborted) return;
      // The kernel would keep a rule twice.
      if (add.includes("rule")) await tools.change(remove, signal);
      const { code, output } = await tools.change(add, signal);
      if (code === 0 || signal.aborted) continue;
      const text = `Cannot run ${add.join(" ")} for VIP ${vip.address}: ` +
        firstLine(output);
      if (!this.#said.has(text)) log.error(text);
      this.#said.add(text);
    }
  }

  /** The address is about to go, or is gone: so shall the rest be. Bounded; never in its way. */
  async takeOff(vip: Vip, signal: AbortSignal): Promise<void> {
    const known = this.#known.get(keyOf(vip));
    if (known === null) return;
    this.#known.set(keyOf(vip), null);
    const worn = known ?? vip;
    if (commandsOf(worn).length === 0) return;
    const done = new AbortController();
    const limit = this.#parts.clock.sleep(UNDRESS_MS_MAX, done.signal);
    await Promise.race([this.#remove(worn, signal), limit]);
    done.abort();
  }

  /** What is not there is as good as removed. */
  async #remove(vip: Vip, signal: AbortSignal): Promise<void> {
    const { tools } = this.#parts;
    for (const { remove } of commandsOf(vip).toReversed()) {
      await tools.change(remove, signal);
    }
  }
}

function commandsOf(
  vip: Vip,
): readonly { readonly add: CommandWords; readonly remove: CommandWords }[] {
  return [...routeCommands(vip), ...ruleCommands(vip)];
}

function isSameOutfit(known: Vip | null, vip: Vip): boolean {
  return known !== null &&
    JSON.stringify(commandsOf(known)) === JSON.stringify(commandsOf(vip));
}

function keyOf(vip: Vip): string {
  return `${vip.interface} ${vip.address}`;
}
