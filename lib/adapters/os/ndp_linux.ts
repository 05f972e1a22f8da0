/**
 * IPv6 neighbour discovery by a raw socket of the C library: no program that
 * every host has speaks it. The process itself needs CAP_NET_RAW; `sudo` does
 * not help here.
 */
import {
  advertisedHardware,
  ADVERTISEMENT,
  advertisement,
  ALL_NODES,
  solicitation,
  solicitedNode,
} from "../../core/calc/host/neighbour_packets.ts";
import { after, remainingMs } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  sendto: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
    result: "isize",
  },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
} as const;

// Source: bits/socket.h, netinet/in.h, netinet/icmp6.h, asm-generic/socket.h.
const AF_INET6 = 10;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const IPPROTO_IPV6 = 41;
const IPPROTO_ICMPV6 = 58;
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
const IPV6_MULTICAST_HOPS = 18;
const ICMP6_FILTER = 1;
const MSG_DONTWAIT = 0x40;

/** Others drop what came through a router. Source: RFC 4861, 7.1. */
const HOPS = 255;

/** How long an owner has to answer, as with arping. */
const ANSWER_MS = 1_000;
const LOOK_MS = 20;
const MESSAGE_BYTES = 1_500;
/** In one look, so that nobody who sends without end keeps this thread. */
const MESSAGES_PER_LOOK = 100;

/** An address on an interface. */
export interface NdpPlace {
  readonly interface: string;
  /** Of that interface. */
  readonly hardware: Uint8Array<ArrayBuffer>;
  readonly target: Uint8Array<ArrayBuffer>;
}

/** Who has the address. */
export type NdpAnswer =
  | { readonly kind: "owned"; readonly hardware: string }
  | { readonly kind: "free" }
  | { readonly kind: "unasked"; readonly why: string };

/** Speaks neighbour discovery. */
export class NeighbourDiscovery {
  readonly #clock: Clock;
  /** Kept: an address is announced many times. */
  #library: Deno.DynamicLibrary<typeof SYMBOLS> | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Who of the other hosts has an address; waits a second for the answer, or until `signal` aborts. */
  async ask(place: NdpPlace, signal: AbortSignal): Promise<NdpAnswer> {
    const { hardware, target } = place;
    const socket = this.#open(place);
    if (typeof socket === "string") return { kind: "unasked", why: socket };
    try {
      const question = solicitation(target, hardware);
      if (!socket.send(solicitedNode(target), question)) {
        return { kind: "unasked", why: "the question cannot be sent" };
      }
      const deadline = after(this.#clock.now(), ANSWER_MS);
      while (remainingMs(deadline, this.#clock.now()) > 0 && !signal.aborted) {
        const owner = socket.owner(target);
        if (owner !== null) return { kind: "owned", hardware: owner };
        await this.#clock.sleep(LOOK_MS, signal);
      }
      return { kind: "free" };
    } finally {
      socket.close();
    }
  }

  /** Tells everybody once where an address is; why not, or null. */
  advertise(place: NdpPlace): string | null {
    const socket = this.#open(place);
    if (typeof socket === "string") return socket;
    const message = advertisement(place.target, place.hardware);
    const isSent = socket.send(ALL_NODES, message);
    socket.close();
    return isSent ? null : "the advertisement cannot be sent";
  }

  /** A socket, or why there is none. */
  #open({ interface: name }: NdpPlace): NdpSocket | string {
    try {
      this.#library ??= Deno.dlopen("libc.so.6", SYMBOLS);
    } catch {
      return "the C library of this host is not GNU's";
    }
    const { symbols } = this.#library;
    const raw = symbols.socket(AF_INET6, SOCK_RAW_CLOEXEC, IPPROTO_ICMPV6);
    if (raw < 0) return "this process lacks CAP_NET_RAW";
    const socket = new NdpSocket(symbols, raw, name);
    if (socket.prepare()) return socket;
    socket.close();
    return `no neighbours can be asked on ${name}`;
  }
}

type Calls = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** A raw socket on one interface; it never waits. */
class NdpSocket {
  readonly #calls: Calls;
  readonly #raw: number;
  /** The interface, as C has it. */
  readonly #name: Uint8Array<ArrayBuffer>;

  constructor(calls: Calls, raw: number, name: string) {
    this.#calls = calls;
    this.#raw = raw;
    this.#name = new TextEncoder().encode(`${name}\0`);
  }

  /** Whether it hears that interface only, and is heard there. */
  prepare(): boolean {
    const options = [
      [SOL_SOCKET, SO_BINDTODEVICE, this.#name],
      [IPPROTO_IPV6, IPV6_MULTICAST_HOPS, new Uint8Array([HOPS, 0, 0, 0])],
      [IPPROTO_ICMPV6, ICMP6_FILTER, onlyAdvertisements()],
    ] as const;
    return options.every(([level, option, value]) =>
      this.#calls.setsockopt(
        this.#raw,
        level,
        option,
        value,
        value.length,
      ) === 0
    );
  }

  send(
    to: Uint8Array<ArrayBuffer>,
    message: Uint8Array<ArrayBuffer>,
  ): boolean {
    const place = socketAddress(to, this.#calls.if_nametoindex(this.#name));
    const length = BigInt(message.length);
    const sent = this.#calls.sendto(
      ...[this.#raw, message, length, MSG_DONTWAIT] as const,
      ...[place, place.length] as const,
    );
    return sent === length;
  }

  /** The owner that one of the messages names which have come; null: none does. */
  owner(target: Uint8Array<ArrayBuffer>): string | null {
    const buffer = new Uint8Array(MESSAGE_BYTES);
    const room = BigInt(buffer.length);
    for (let seen = 0; seen < MESSAGES_PER_LOOK; seen++) {
      const length = this.#calls.recv(this.#raw, buffer, room, MSG_DONTWAIT);
      if (length <= 0n) return null;
      const message = buffer.subarray(0, Number(length));
      const hardware = advertisedHardware(message, target);
      if (hardware !== null) return hardware;
    }
    return null;
  }

  close(): void {
    this.#calls.close(this.#raw);
  }
}

/** A set bit keeps a type out. */
function onlyAdvertisements(): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(8).fill(0xffffffff);
  words[ADVERTISEMENT >> 5] = ~(1 << (ADVERTISEMENT & 31));
  return new Uint8Array(words.buffer);
}

/** struct sockaddr_in6: family, port, flow, address, interface. */
function socketAddress(
  address: Uint8Array<ArrayBuffer>,
  index: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET6, true);
  bytes.set(address, 8);
  view.setUint32(24, index, true);
  return bytes;
}
