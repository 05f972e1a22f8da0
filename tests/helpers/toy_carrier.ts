/** A host with one interface that takes addresses at once, and takes them away in time. */
import { planVips, vipLifetimeS } from "../../lib/core/calc/host/vip.ts";
import { after, type Moment, remainingMs } from "../../lib/core/base/units.ts";
import type { HostAddresses, Vip } from "../../lib/core/model/vip.ts";
import type { Clock } from "../../lib/ports/clock.ts";
import type { VipCarrier, VipHost, VipWish } from "../../lib/ports/vip.ts";

/** What the interface carries, and until when. */
export class ToyCarrier implements VipCarrier, VipHost {
  /** Null: it has every right that it needs. */
  missing: string | null = null;
  isUp = true;
  /** Binds nothing, as where another host answers for the address. */
  isRefused = false;
  /** Keeps what it is told to drop, as a host that is too busy. */
  isStuck = false;
  readonly #clock: Pick<Clock, "now">;
  readonly #bound = new Map<string, { readonly vip: Vip; until: Moment }>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** The addresses that are bound now. */
  get addresses(): readonly string[] {
    const now = this.#clock.now();
    return [...this.#bound.values()]
      .filter(({ until }) => remainingMs(until, now) > 0)
      .map(({ vip }) => vip.address);
  }

  look(): Promise<HostAddresses | null> {
    const here = new Set(this.addresses);
    const bound = [...this.#bound.values()]
      .filter(({ vip }) => here.has(vip.address))
      .map(({ vip: { label: _, ...vip } }) => ({ ...vip, isDuplicate: false }));
    const links = [{ name: "eth0", isUp: this.isUp, hardware: null }];
    return Promise.resolve({ links, bound });
  }

  findMissing(): Promise<string | null> {
    return Promise.resolve(this.missing);
  }

  reconcile(wishes: readonly VipWish[]): void {
    this.look().then((host) => {
      for (const step of planVips(wishes, host?.bound ?? [])) {
        const { vip } = step;
        if (step.kind !== "unbind") {
          if (!this.isRefused) this.#bind(vip, step.until);
        } else if (!this.isStuck) this.#bound.delete(vip.address);
      }
    });
  }

  dropAll(vips: readonly Vip[]): Promise<void> {
    if (this.isStuck) return Promise.resolve();
    for (const { address } of vips) this.#bound.delete(address);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #bind(vip: Vip, until: Moment): void {
    const now = this.#clock.now();
    const seconds = vipLifetimeS(until, now);
    const end = after(now, 1000 * seconds);
    if (seconds > 0) this.#bound.set(vip.address, { vip, until: end });
  }
}
