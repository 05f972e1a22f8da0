/** Asks the other hosts of a network who has an address, and tells them where it is now. */
import {
  announceCommands,
  findOwnerCommand,
  hasAsked,
  isIpv6,
  ownerAnswer,
  ownerIn,
} from "../../core/calc/host/vip.ts";
import { hardwareBytes } from "../../core/calc/host/neighbour_packets.ts";
import { addressBytes } from "../../core/base/ip_address.ts";
import type { Vip } from "../../core/model/vip.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { firstLine } from "./host_programs.ts";
import type { NdpPlace, NeighbourDiscovery } from "./ndp_linux.ts";
import type { VipTools } from "./vip_tools.ts";

/**
 * How often, and how far apart, an IPv6 address is announced. The kernel looks
 * for duplicates first, for up to two seconds; until then nobody can use it.
 */
const ADVERTISEMENTS = 5;
const ADVERTISE_AGAIN_MS = 1_000;

/** What is needed for speaking with neighbours. */
interface VipNeighboursParts {
  readonly clock: Clock;
  readonly log: Log;
  /** For IPv6. */
  readonly discovery: Pick<NeighbourDiscovery, "ask" | "advertise">;
  readonly tools: VipTools;
}

/** The neighbours on the interfaces of this host. */
export class VipNeighbours {
  readonly #parts: VipNeighboursParts;
  readonly #said = new Set<string>();

  constructor(parts: VipNeighboursParts) {
    this.#parts = parts;
  }

  /** The other host's hardware address; null if nobody answers, or nobody can be asked. Takes a second. */
  async owner(vip: Vip, signal: AbortSignal): Promise<string | null> {
    const { tools } = this.#parts;
    const by = await tools.arping(signal);
    const command = findOwnerCommand(vip, by);
    if (command === null) return await this.#owner6(vip, signal);
    const { code, output } = await tools.change(command, signal);
    const answer = code === null ? "unasked" : ownerAnswer(by, code);
    if (answer === "owned") return ownerIn(output);
    const wasAsked = answer === "free" && hasAsked(by, output);
    if (!wasAsked && !signal.aborted) this.#sayUnasked(output);
    return null;
  }

  /** Tells everybody, for some seconds, until `signal` aborts. */
  async announce(vip: Vip, signal: AbortSignal): Promise<void> {
    const { tools } = this.#parts;
    if (isIpv6(vip.address)) return await this.#announce6(vip, signal);
    for (const command of announceCommands(vip, await tools.arping(signal))) {
      if (signal.aborted) return;
      await tools.change(command, signal);
    }
  }

  async #owner6(vip: Vip, signal: AbortSignal): Promise<string | null> {
    const place = await this.#placeOf(vip, signal);
    if (place === null) return null;
    const answer = await this.#parts.discovery.ask(place, signal);
    if (answer.kind === "owned") return answer.hardware;
    if (answer.kind === "unasked") this.#sayUnheard(answer.why);
    return null;
  }

  async #announce6(vip: Vip, signal: AbortSignal): Promise<void> {
    const { clock, discovery } = this.#parts;
    const place = await this.#placeOf(vip, signal);
    if (place === null) return;
    for (let times = 0; times < ADVERTISEMENTS; times++) {
      if (signal.aborted) return;
      const failure = discovery.advertise(place);
      if (failure !== null) return this.#sayUnheard(failure);
      await clock.sleep(ADVERTISE_AGAIN_MS, signal);
    }
  }

  /** Null: an interface without Ethernet has no neighbours of that kind. */
  async #placeOf(vip: Vip, signal: AbortSignal): Promise<NdpPlace | null> {
    const host = await this.#parts.tools.look(signal);
    const link = host?.links.find(({ name }) => name === vip.interface);
    const hardware = hardwareBytes(link?.hardware ?? "");
    const target = addressBytes(vip.address);
    return hardware === null || target === null
      ? null
      : { interface: vip.interface, hardware, target };
  }

  #sayUnheard(why: string): void {
    this.#sayOnce(
      "Nobody is asked for another owner of an IPv6 VIP, nor told of a move: " +
        `${why}`,
    );
  }

  /** A process that may change addresses need not be allowed to speak ARP. */
  #sayUnasked(output: string): void {
    const isRefused = /not permitted|denied/i.test(output);
    const why = isRefused ? "this process lacks CAP_NET_RAW" : "arping failed";
    this.#sayOnce(
      `Nobody is asked for another owner of a VIP, nor told of a ` +
        `move: ${why} (${firstLine(output)})`,
    );
  }

  #sayOnce(text: string): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.#parts.log.warning(text);
  }
}
