/**
 * Virtual addresses on Linux, by `ip` and `arping`. Every address is bound for a
 * limited time and renewed, so that the kernel takes it away from a host whose
 * agent is dead. What the agent wishes is applied in the background, one pass at
 * a time; taking away goes before everything else, and nobody waits for the
 * neighbours' answers but the address that they are asked about.
 */
import {
  bindCommand,
  isSame,
  isWithin,
  needsAnnouncing,
  planVips,
  unbindCommand,
  vipLifetimeS,
  type VipStep,
} from "../../core/calc/host/vip.ts";
import { after, type Moment, remainingMs } from "../../core/base/units.ts";
import type { BoundAddress, HostAddresses, Vip } from "../../core/model/vip.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { VipCarrier, VipHost, VipWish } from "../../ports/vip.ts";
import { placeDoubt } from "../../core/calc/host/vip_subnet.ts";
import { firstLine, type RunHostProgram } from "./host_programs.ts";
import { NeighbourDiscovery } from "./ndp_linux.ts";
import { VipHooks, type VipMoved } from "./vip_hooks.ts";
import { VipNeighbours } from "./vip_neighbours.ts";
import { VipOutfit } from "./vip_outfit.ts";
import { VipTools } from "./vip_tools.ts";

/** A demotion waits that long for its addresses to go. */
const DROP_MAX_MS = 1_000;

/** How often the network is asked who else has an address that is here. */
const DEFEND_EVERY_MS = 5_000;

/** How soon an address is tried again that another member is about to let go. */
const AWAIT_MS = 2_000;

/** A host that is too busy to bind in time does not get better by trying. */
const BINDINGS_MAX = 3;

/** What the carrier needs. */
interface VipLinuxParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly run: RunHostProgram;
  /** Absent: this host's. */
  readonly discovery?: Pick<NeighbourDiscovery, "ask" | "advertise">;
  /** Absent: the operator's programs. */
  readonly hooks?: Pick<VipHooks, "moved">;
}

/** What is known of an address while it is here. */
interface Stay {
  /** Aborted when the address goes: nobody speaks for it any more. */
  readonly end: AbortController;
  defendedAt: Moment | null;
  announcedAt: Moment | null;
  wasUp: boolean;
}

/** Carries addresses on this host. */
export class VipLinux implements VipCarrier, VipHost {
  readonly #parts: VipLinuxParts;
  readonly #tools: VipTools;
  readonly #neighbours: VipNeighbours;
  readonly #outfit: VipOutfit;
  readonly #hooks: Pick<VipHooks, "moved">;
  readonly #said = new Map<string, string>();
  readonly #stays = new Map<string, Stay>();
  readonly #talking = new Set<Promise<void>>();
  #wishes: readonly VipWish[] | null = null;
  #work: Promise<void> | null = null;
  #abort = new AbortController();
  #waking = new AbortController();

  constructor(parts: VipLinuxParts) {
    this.#parts = parts;
    this.#tools = new VipTools(parts);
    this.#outfit = new VipOutfit({ ...parts, tools: this.#tools });
    this.#hooks = parts.hooks ?? new VipHooks(parts);
    this.#neighbours = new VipNeighbours({
      ...parts,
      discovery: parts.discovery ?? new NeighbourDiscovery(parts.clock),
      tools: this.#tools,
    });
  }

  /** Says at once, in one sentence each, what this host lacks for carrying these addresses. */
  async check(vips: readonly Vip[]): Promise<void> {
    const { log } = this.#parts;
    const missing = await this.findMissing();
    if (missing !== null) {
      return log.error(`Cannot carry any VIP: ${missing}`);
    }
    const host = await this.look();
    for (const vip of vips) {
      const doubt = host === null ? null : placeDoubt(vip, host);
      if (doubt !== null) log.warning(doubt);
    }
    if (await this.#tools.hasArping(NEVER)) return;
    log.warning(
      "arping (package iputils-arping) is not installed: VIPs are bound " +
        "without looking for another owner, and nobody is told of the move",
    );
  }

  look(): Promise<HostAddresses | null> {
    return this.#tools.look(NEVER);
  }

  findMissing(): Promise<string | null> {
    return this.#tools.findMissing(NEVER);
  }

  reconcile(wishes: readonly VipWish[]): void {
    this.#wishes = wishes;
    this.#waking.abort();
    this.#work ??= this.#passes().catch((error) => this.#failed(error))
      .finally(() => this.#work = null);
  }

  async dropAll(vips: readonly Vip[]): Promise<void> {
    this.#wishes = null;
    this.#abort.abort();
    const done = new AbortController();
    const limit = this.#parts.clock.sleep(DROP_MAX_MS, done.signal);
    const dropping = this.#settled().then(() => {
      this.#abort = new AbortController();
      return this.#drop(vips);
    });
    await Promise.race([dropping, limit]);
    done.abort();
  }

  async close(): Promise<void> {
    this.#wishes = null;
    this.#abort.abort();
    await this.#settled();
  }

  async #settled(): Promise<void> {
    await this.#work;
    await Promise.all(this.#talking);
  }

  async #passes(): Promise<void> {
    while (this.#wishes !== null) {
      const wishes = this.#wishes;
      this.#wishes = null;
      await this.#pass(wishes);
    }
  }

  async #pass(wishes: readonly VipWish[]): Promise<void> {
    const host = await this.#tools.look(this.#abort.signal);
    if (host === null) return;
    const steps = planVips(wishes, host.bound);
    const { bind = [], renew = [], unbind = [] } = Object.groupBy(
      steps,
      ({ kind }) => kind,
    );
    for (const step of [...unbind, ...renew]) {
      if (this.#abort.signal.aborted) return;
      await this.#do(step);
    }
    for (const wish of wishes) {
      if (wish.part.kind === "none") await this.#gone(wish.vip, host);
      else await this.#tend(wish, host);
    }
    // Each waits a second for neighbours: together, or the first would run out.
    await Promise.all(bind.map((step) => this.#do(step)));
    await this.#await(wishes);
  }

  /** Tries again soon, with the same wishes if no newer ones come, what another member is about to let go. */
  async #await(wishes: readonly VipWish[]): Promise<void> {
    const { clock } = this.#parts;
    const isWaiting = wishes.some(({ vip, part }) =>
      part.kind === "carry" && part.isAwaited === true &&
      remainingMs(part.until, clock.now()) > AWAIT_MS &&
      !this.#stays.has(keyOf(vip))
    );
    if (!isWaiting || this.#wishes !== null) return;
    const { signal } = this.#abort;
    this.#waking = new AbortController();
    const waking = AbortSignal.any([signal, this.#waking.signal]);
    await clock.sleep(AWAIT_MS, waking);
    if (!signal.aborted) this.#wishes ??= wishes;
  }

  async #do(step: VipStep): Promise<void> {
    switch (step.kind) {
      case "unbind":
        return await this.#unbind(step.vip, step.bound);
      case "renew":
        return void await this.#bind(step.vip, step.until);
      case "bind":
        return await this.#take(step.vip, step.until);
    }
  }

  /** Binds an address that this host does not have yet. */
  async #take(vip: Vip, until: Moment): Promise<void> {
    const { signal } = this.#abort;
    if (signal.aborted) return;
    const owner = await this.#neighbours.owner(vip, signal);
    if (signal.aborted) return;
    if (owner !== null) {
      const text = `VIP ${vip.address} is not bound: ` +
        `the host with ${owner} answers for it on ${vip.interface}`;
      const level = vip.role === "replica" ? "info" : "error";
      return this.#say(vip, level, text);
    }
    if (!await this.#bind(vip, until)) return;
    this.#say(vip, "info", `VIP ${vip.address} is bound on ${vip.interface}`);
    await this.#outfit.putOn(vip, signal);
    const stay = this.#stayOf(vip);
    this.#moved(vip, "bound");
    stay.defendedAt = this.#parts.clock.now();
    this.#announce(vip, stay);
  }

  /** It is not to be here; the kernel may have taken it away by itself. */
  async #gone(vip: Vip, host: HostAddresses): Promise<void> {
    if (host.bound.some((address) => isSame(vip, address))) return;
    await this.#outfit.takeOff(vip, this.#abort.signal);
    if (!this.#stays.has(keyOf(vip))) return;
    this.#endStay(vip);
    this.#moved(vip, "released");
  }

  /** Looks after an address that was here before this pass. */
  async #tend(wish: VipWish, host: HostAddresses): Promise<void> {
    const { vip } = wish;
    const here = host.bound.find((address) => isSame(vip, address));
    if (here === undefined) return;
    if (here.isDuplicate) return await this.#giveUpDuplicate(vip, here);
    await this.#outfit.putOn(vip, this.#abort.signal);
    const stay = this.#stayOf(vip);
    const now = this.#parts.clock.now();
    const link = host.links.find(({ name }) => name === vip.interface);
    const isUp = link?.isUp ?? true;
    const { wasUp, announcedAt } = stay;
    stay.wasUp = isUp;
    if (needsAnnouncing(vip, { wasUp, isUp, announcedAt, now })) {
      this.#announce(vip, stay);
    }
    const { defendedAt } = stay;
    const isDue = defendedAt === null ||
      remainingMs(after(defendedAt, DEFEND_EVERY_MS), now) <= 0;
    if (!isDue) return;
    stay.defendedAt = now;
    this.#talk(() => this.#defend(wish, stay));
  }

  /** Somebody else answers for an address that is here: a replica lets go, others stay. */
  async #defend({ vip, part }: VipWish, stay: Stay): Promise<void> {
    const signal = this.#signalOf(stay);
    const owner = await this.#neighbours.owner(vip, signal);
    if (owner === null || signal.aborted) return;
    const text = `VIP ${vip.address} is also answered for by ${owner}`;
    if (part.kind === "carry") {
      this.#say(vip, "error", `${text}; announcing it again`);
      return this.#announce(vip, stay);
    }
    this.#say(vip, "info", `${text}; leaving it to that member`);
    await this.#drop([vip]);
  }

  /** The kernel refuses to use it: another host was first. */
  async #giveUpDuplicate(vip: Vip, here: BoundAddress): Promise<void> {
    const text =
      `VIP ${vip.address} belongs to another host on ${vip.interface}`;
    this.#say(vip, "error", text);
    this.#endStay(vip);
    await this.#outfit.takeOff(vip, this.#abort.signal);
    await this.#tools.change(unbindCommand(here), this.#abort.signal);
    this.#moved(vip, "released");
  }

  /**
   * The kernel counts from when it was told: where that was late, as in a process
   * that stood still meanwhile, it is told again.
   */
  async #bind(vip: Vip, until: Moment): Promise<boolean> {
    const { clock } = this.#parts;
    const { signal } = this.#abort;
    for (let times = 0; times < BINDINGS_MAX; times++) {
      const lifetimeS = vipLifetimeS(until, clock.now());
      if (lifetimeS === 0) break;
      const command = bindCommand(vip, lifetimeS);
      const result = await this.#tools.change(command, signal);
      if (result.code !== 0) {
        if (signal.aborted) return false;
        const why = firstLine(result.output);
        this.#say(vip, "error", `Cannot bind VIP ${vip.address}: ${why}`);
        return false;
      }
      if (isWithin(lifetimeS, until, clock.now())) return true;
    }
    await this.#drop([vip]);
    return false;
  }

  async #drop(vips: readonly Vip[]): Promise<void> {
    const host = await this.#tools.look(this.#abort.signal);
    if (host === null) return;
    for (const vip of vips) {
      const found = host.bound.find((address) => isSame(vip, address));
      if (found === undefined) await this.#gone(vip, host);
      else await this.#unbind(vip, found);
    }
  }

  async #unbind(vip: Vip, bound: BoundAddress): Promise<void> {
    this.#endStay(vip);
    await this.#outfit.takeOff(vip, this.#abort.signal);
    const command = unbindCommand(bound);
    const result = await this.#tools.change(command, this.#abort.signal);
    const isGone = result.code === 0 || /cannot assign/i.test(result.output);
    if (isGone) {
      this.#moved(vip, "released");
      return this.#say(
        vip,
        "info",
        `VIP ${vip.address} is taken away from ${vip.interface}`,
      );
    }
    const why = firstLine(result.output);
    this.#say(vip, "error", `Cannot take VIP ${vip.address} away: ${why}`);
  }

  #moved(vip: Vip, moved: VipMoved): void {
    this.#hooks.moved(vip, moved);
  }

  #announce(vip: Vip, stay: Stay): void {
    stay.announcedAt = this.#parts.clock.now();
    this.#talk(() => this.#neighbours.announce(vip, this.#signalOf(stay)));
  }

  #talk(talk: () => Promise<void>): void {
    const talking = talk().catch((error) => this.#failed(error))
      .finally(() => this.#talking.delete(talking));
    this.#talking.add(talking);
  }

  #signalOf({ end }: Stay): AbortSignal {
    return AbortSignal.any([this.#abort.signal, end.signal]);
  }

  #stayOf(vip: Vip): Stay {
    const before = this.#stays.get(keyOf(vip));
    if (before !== undefined) return before;
    const end = new AbortController();
    const stay = { end, defendedAt: null, announcedAt: null, wasUp: true };
    this.#stays.set(keyOf(vip), stay);
    return stay;
  }

  #endStay(vip: Vip): void {
    this.#stays.get(keyOf(vip))?.end.abort();
    this.#stays.delete(keyOf(vip));
  }

  /** Nobody waits for what is done in the background, so nobody else would hear of it. */
  #failed(error: unknown): void {
    const text = `Looking after virtual addresses failed: ${error}`;
    this.#parts.log.error(text, { error });
  }

  /** Logs what is new about an address. */
  #say(vip: Vip, level: "info" | "error", text: string): void {
    if (this.#said.get(keyOf(vip)) === text) return;
    this.#said.set(keyOf(vip), text);
    this.#parts.log[level](text);
  }
}

const NEVER = new AbortController().signal;

function keyOf(vip: Vip): string {
  return `${vip.interface} ${vip.address}`;
}
