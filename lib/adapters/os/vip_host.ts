/**
 * The addresses of this host, whoever moves them: the kernel alone, an operator's
 * program, or both, where a cloud leads to the host and the kernel knows for how
 * long it may answer.
 */
import {
  type HostAddresses,
  NO_INTERFACE,
  type Vip,
} from "../../core/model/vip.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { VipCarrier, VipHost, VipWish } from "../../ports/vip.ts";
import type { RunHostProgram } from "./host_programs.ts";
import { VipExec } from "./vip_exec.ts";
import { VipHooks } from "./vip_hooks.ts";
import { VipLinux } from "./vip_linux.ts";

/** What it needs. */
interface HostVipsParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly run: RunHostProgram;
  /** See {@link VipExec}. */
  readonly isShortLived?: boolean;
}

/** Carries addresses on this host. */
export class HostVips implements VipCarrier, VipHost {
  readonly #linux: VipLinux;
  readonly #exec: VipExec;
  /** Some address is bound here, so the host's tools are needed. */
  #isBinding = true;
  #hasExec = false;

  constructor(parts: HostVipsParts) {
    const hooks = new VipHooks(parts);
    const { run, ...rest } = parts;
    this.#linux = new VipLinux({ ...rest, run, hooks });
    this.#exec = new VipExec({ ...rest, hooks });
  }

  /** Says at once, in one sentence each, what this host lacks for carrying these addresses. */
  async check(vips: readonly Vip[]): Promise<void> {
    this.#note(vips);
    const bound = vips.filter(isBound);
    if (bound.length > 0) await this.#linux.check(bound);
  }

  async look(): Promise<HostAddresses | null> {
    const host = this.#isBinding
      ? await this.#linux.look()
      : { links: [], bound: [] };
    if (host === null || !this.#hasExec) return host;
    const links = [
      ...host.links,
      { name: NO_INTERFACE, isUp: true, hardware: null },
    ];
    const alone = this.#exec.bound.filter(isBoundNowhere);
    return { links, bound: [...host.bound, ...alone] };
  }

  /** Addresses that an operator's program has brought here. */
  get acquired(): readonly string[] {
    return this.#exec.bound.filter(({ isDuplicate }) => !isDuplicate)
      .map(({ address }) => address);
  }

  async findMissing(): Promise<string | null> {
    return this.#isBinding ? await this.#linux.findMissing() : null;
  }

  reconcile(wishes: readonly VipWish[]): void {
    this.#note(wishes.map(({ vip }) => vip));
    const moved = wishes.filter(({ vip }) => vip.exec !== null);
    const bound = wishes.filter(({ vip }) => isBound(vip));
    if (moved.length > 0) this.#exec.reconcile(moved);
    if (bound.length > 0) this.#linux.reconcile(bound);
  }

  async dropAll(vips: readonly Vip[]): Promise<void> {
    const moved = vips.filter(({ exec }) => exec !== null);
    const bound = vips.filter(isBound);
    await Promise.all([
      bound.length > 0 ? this.#linux.dropAll(bound) : null,
      moved.length > 0 ? this.#exec.dropAll(moved) : null,
    ]);
  }

  async close(): Promise<void> {
    await Promise.all([this.#linux.close(), this.#exec.close()]);
  }

  #note(vips: readonly Vip[]): void {
    this.#isBinding = vips.length === 0 || vips.some(isBound);
    this.#hasExec = vips.some(({ exec }) => exec !== null);
  }
}

function isBound(vip: Vip): boolean {
  return vip.interface !== NO_INTERFACE;
}

function isBoundNowhere(bound: { readonly interface: string }): boolean {
  return bound.interface === NO_INTERFACE;
}
