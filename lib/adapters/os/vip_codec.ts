/** Reads `ip -j address show`. Source: iproute2 6.1 `ip/ipaddress.c`. */
import type {
  BoundAddress,
  HostAddresses,
  HostLink,
} from "../../core/model/vip.ts";

/**
 * All interfaces and all their addresses.
 *
 * @throws {SyntaxError} If the text is no JSON.
 */
export function parseAddresses(text: string): HostAddresses {
  const document: unknown = text === "" ? [] : JSON.parse(text);
  const all = (Array.isArray(document) ? document : []).map(record);
  return { links: all.flatMap(linkOf), bound: all.flatMap(addressesOf) };
}

type Fields = Readonly<Record<string, unknown>>;

/** LOWER_UP is the carrier. Source: netdevice(7), IFF_LOWER_UP. */
function linkOf({ address, flags, ifname }: Fields): readonly HostLink[] {
  if (typeof ifname !== "string") return [];
  const isUp = !Array.isArray(flags) ||
    ["UP", "LOWER_UP"].every((flag) => flags.includes(flag));
  const hardware = typeof address === "string" ? address : null;
  return [{ name: ifname, isUp, hardware }];
}

function addressesOf(
  { ifname, addr_info: infos }: Fields,
): readonly BoundAddress[] {
  if (typeof ifname !== "string" || !Array.isArray(infos)) return [];
  return infos.flatMap((info: unknown) => addressOf(ifname, record(info)));
}

function addressOf(name: string, info: Fields): readonly BoundAddress[] {
  const { label, local, prefixlen } = info;
  if (typeof local !== "string" || typeof prefixlen !== "number") return [];
  return [{
    interface: name,
    address: local,
    prefixLength: prefixlen,
    isDuplicate: info["dadfailed"] === true,
    ...(typeof label === "string" ? { label } : {}),
  }];
}

function record(value: unknown): Fields {
  return typeof value === "object" && value !== null
    ? value as Readonly<Record<string, unknown>>
    : {};
}
