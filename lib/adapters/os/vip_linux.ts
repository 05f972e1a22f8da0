/**
 * Virtual addresses on Linux, by `ip` and `arping`. Every address is bound for a
 * limited time and renewed, so that the kernel takes it away from a host whose
 * agent is dead. What the agent wishes is applied in the background, one pass at
 * a time; taking away goes before everything else.
 */
import {
  announceCommands,
  type Arping,
  ARPING_VERSION,
  arpingBy,
  bindCommand,
  findOwnerCommand,
  hasAsked,
  isSame,
  ownerAnswer,
  ownerIn,
  planVips,
  unbindCommand,
  vipLifetimeS,
  type VipStep,
} from "../../core/calc/host/vip.ts";
import type { Moment } from "../../core/base/units.ts";
import type { BoundAddress, CommandWords, Vip } from "../../core/model/vip.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { VipCarrier, VipWish } from "../../ports/vip.ts";
import {
  findPrivilege,
  firstLine,
  type HostProgramResult,
  type Privilege,
  type RunHostProgram,
} from "./host_programs.ts";
import { parseAddresses } from "./vip_codec.ts";
import { timerMs } from "../../core/base/units.ts";

/** No single program takes longer. */
const PROGRAM_MAX_MS = 5_000;

/** A demotion waits that long for its addresses to go. */
const DROP_MAX_MS = 1_000;

const LIST: CommandWords = ["ip", "-j", "address", "show"];

/** What the carrier needs. */
interface VipLinuxParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly run: RunHostProgram;
}

/** Carries addresses on this host. */
export class VipLinux implements VipCarrier {
  readonly #parts: VipLinuxParts;
  readonly #said = new Map<string, string>();
  readonly #announcing = new Set<Promise<void>>();
  #privilege: Privilege | null = null;
  #by: Arping | null = null;
  #wishes: readonly VipWish[] | null = null;
  #work: Promise<void> | null = null;
  #abort = new AbortController();

  constructor(parts: VipLinuxParts) {
    this.#parts = parts;
  }

  /** Says at once, in one sentence, what this host lacks for carrying addresses. */
  async check(): Promise<void> {
    const { log, run } = this.#parts;
    this.#privilege = await findPrivilege(run, this.#limit(PROGRAM_MAX_MS));
    if (this.#privilege.kind === "missing") {
      log.error(`Cannot carry any VIP: ${this.#privilege.why}`);
      return;
    }
    const arping = await run(ARPING_VERSION, this.#limit(PROGRAM_MAX_MS));
    if (arping.code !== null) return;
    log.warning(
      "arping (package iputils-arping) is not installed: VIPs are bound " +
        "without looking for another owner, and nobody is told of the move",
    );
  }

  reconcile(wishes: readonly VipWish[]): void {
    this.#wishes = wishes;
    this.#work ??= this.#passes().finally(() => this.#work = null);
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
    await Promise.all(this.#announcing);
  }

  async #passes(): Promise<void> {
    while (this.#wishes !== null) {
      const wishes = this.#wishes;
      this.#wishes = null;
      await this.#pass(wishes);
    }
  }

  async #pass(wishes: readonly VipWish[]): Promise<void> {
    const bound = await this.#bound();
    if (bound === null) return;
    const steps = planVips(wishes, bound);
    for (
      const step of steps.toSorted((a, b) => ORDER[a.kind] - ORDER[b.kind])
    ) {
      if (this.#abort.signal.aborted) return;
      await this.#do(step);
    }
    for (const { vip, part } of wishes) {
      const here = bound.find((address) => isSame(vip, address));
      if (here === undefined || part.kind === "none") continue;
      if (here.isDuplicate) await this.#giveUpDuplicate(vip, here);
      else await this.#defend({ vip, part });
    }
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
    const owner = await this.#owner(vip);
    if (this.#abort.signal.aborted) return;
    if (owner !== null) {
      const text = `VIP ${vip.address} is not bound: ` +
        `the host with ${owner} answers for it on ${vip.interface}`;
      const level = vip.role === "primary" ? "error" : "info";
      return this.#say(vip, level, text);
    }
    if (!await this.#bind(vip, until)) return;
    this.#say(vip, "info", `VIP ${vip.address} is bound on ${vip.interface}`);
    this.#announce(vip);
  }

  /** Somebody else answers for an address that is here: the primary stays, a replica lets go. */
  async #defend({ vip, part }: VipWish): Promise<void> {
    const owner = await this.#owner(vip);
    if (owner === null || this.#abort.signal.aborted) return;
    const text = `VIP ${vip.address} is also answered for by ${owner}`;
    if (part.kind === "carry") {
      this.#say(vip, "error", `${text}; announcing it again`);
      return this.#announce(vip);
    }
    this.#say(vip, "info", `${text}; leaving it to that member`);
    await this.#drop([vip]);
  }

  /** The kernel refuses to use it: another host was first. */
  async #giveUpDuplicate(vip: Vip, here: BoundAddress): Promise<void> {
    const text =
      `VIP ${vip.address} belongs to another host on ${vip.interface}`;
    this.#say(vip, "error", text);
    await this.#privileged(unbindCommand(here));
  }

  async #bind(vip: Vip, until: Moment): Promise<boolean> {
    const lifetimeS = vipLifetimeS(until, this.#parts.clock.now());
    if (lifetimeS === 0) return false;
    const result = await this.#privileged(bindCommand(vip, lifetimeS));
    if (result.code !== 0) {
      const why = firstLine(result.output);
      this.#say(vip, "error", `Cannot bind VIP ${vip.address}: ${why}`);
      return false;
    }
    return true;
  }

  async #drop(vips: readonly Vip[]): Promise<void> {
    const bound = await this.#bound() ?? [];
    for (const vip of vips) {
      const found = bound.find((address) => isSame(vip, address));
      if (found !== undefined) await this.#unbind(vip, found);
    }
  }

  async #unbind(vip: Vip, bound: BoundAddress): Promise<void> {
    const result = await this.#privileged(unbindCommand(bound));
    const isGone = result.code === 0 || /cannot assign/i.test(result.output);
    if (isGone) {
      return this.#say(
        vip,
        "info",
        `VIP ${vip.address} is taken away from ${vip.interface}`,
      );
    }
    const why = firstLine(result.output);
    this.#say(vip, "error", `Cannot take VIP ${vip.address} away: ${why}`);
  }

  /** The other host's hardware address; null if nobody answers, or nobody can be asked. */
  async #owner(vip: Vip): Promise<string | null> {
    const by = await this.#arping();
    const command = findOwnerCommand(vip, by);
    if (command === null) return null;
    const { code, output } = await this.#privileged(command);
    const answer = code === null ? "unasked" : ownerAnswer(by, code);
    if (answer === "owned") return ownerIn(output);
    const wasAsked = answer === "free" && hasAsked(by, output);
    if (!wasAsked && !this.#abort.signal.aborted) this.#sayUnasked(output);
    return null;
  }

  /** Which arping this host has; asked anew while there is none. */
  async #arping(): Promise<Arping> {
    if (this.#by !== null) return this.#by;
    const { code } = await this.#parts.run(ARPING_VERSION, this.#limit());
    if (code === null || this.#abort.signal.aborted) return "iputils";
    this.#by = arpingBy(code);
    return this.#by;
  }

  /** A process that may change addresses need not be allowed to speak ARP. */
  #sayUnasked(output: string): void {
    const isRefused = /not permitted|denied/i.test(output);
    const why = isRefused ? "this process lacks CAP_NET_RAW" : "arping failed";
    const text = `Nobody is asked for another owner of a VIP, nor told of a ` +
      `move: ${why} (${firstLine(output)})`;
    if (this.#said.get("arping") === text) return;
    this.#said.set("arping", text);
    this.#parts.log.warning(text);
  }

  #announce(vip: Vip): void {
    const telling = (async () => {
      for (const command of announceCommands(vip, await this.#arping())) {
        if (this.#abort.signal.aborted) return;
        await this.#privileged(command);
      }
    })().finally(() => this.#announcing.delete(telling));
    this.#announcing.add(telling);
  }

  async #bound(): Promise<readonly BoundAddress[] | null> {
    const { code, output } = await this.#parts.run(LIST, this.#limit());
    if (code !== 0) return null;
    try {
      return parseAddresses(output);
    } catch (error) {
      this.#parts.log.error(`Cannot read the host's addresses: ${error}`);
      return null;
    }
  }

  async #privileged(words: CommandWords): Promise<HostProgramResult> {
    const { run } = this.#parts;
    if (this.#privilege?.kind !== "granted") {
      this.#privilege = await findPrivilege(run, this.#limit());
    }
    if (this.#privilege.kind === "missing") {
      return { code: -1, output: this.#privilege.why };
    }
    return await run([...this.#privilege.prefix, ...words], this.#limit());
  }

  #limit(ms = PROGRAM_MAX_MS): AbortSignal {
    return AbortSignal.any([
      this.#abort.signal,
      AbortSignal.timeout(timerMs(ms)),
    ]);
  }

  /** Logs what is new about an address. */
  #say(vip: Vip, level: "info" | "error", text: string): void {
    if (this.#said.get(keyOf(vip)) === text) return;
    this.#said.set(keyOf(vip), text);
    this.#parts.log[level](text);
  }
}

/** What costs nothing first; looking for an owner takes a second. */
const ORDER = { unbind: 0, renew: 1, bind: 2 } as const;

function keyOf(vip: Vip): string {
  return `${vip.interface} ${vip.address}`;
}
