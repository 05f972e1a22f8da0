/** Reads `ip -j address show`. Source: iproute2 6.1 `ip/ipaddress.c`. */
import type { BoundAddress } from "../../core/model/vip.ts";

/**
 * All addresses of all interfaces.
 *
 * @throws {SyntaxError} If the text is no JSON.
 */
export function parseAddresses(text: string): readonly BoundAddress[] {
  const document: unknown = text === "" ? [] : JSON.parse(text);
  const links = Array.isArray(document) ? document : [];
  return links.flatMap((link: unknown) => {
    const fields = record(link);
    const name = fields["ifname"];
    const infos = fields["addr_info"];
    if (typeof name !== "string" || !Array.isArray(infos)) return [];
    return infos.flatMap((info: unknown) => addressOf(name, record(info)));
  });
}

function addressOf(
  name: string,
  info: Readonly<Record<string, unknown>>,
): readonly BoundAddress[] {
  const { local, prefixlen } = info;
  if (typeof local !== "string" || typeof prefixlen !== "number") return [];
  return [{
    interface: name,
    address: local,
    prefixLength: prefixlen,
    isDuplicate: info["dadfailed"] === true,
  }];
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null
    ? value as Readonly<Record<string, unknown>>
    : {};
}
