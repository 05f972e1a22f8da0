/**
 * Section `vip`, ours: the virtual addresses that move with the roles of the
 * scope. A list; no entry, no address.
 */
import { isIP } from "node:net";
import {
  isConfigMap,
  ownValue,
} from "../../core/calc/documents/config_merge.ts";
import { parseBool } from "../../core/base/scalars.ts";
import type { Vip } from "../../core/model/vip.ts";
import { isAbsent, Wanted } from "../fields.ts";
import type { ValueType } from "../keys/key.ts";
import { anything } from "../keys/types.ts";

/** An address alone is bound as a host of its own; the subnet is the interface's. */
const PREFIX_BY_VERSION = { 4: 32, 6: 128 } as const;

/** Longer names are refused by the kernel. Source: linux/if.h, IFNAMSIZ. */
const INTERFACE_NAME = /^[^\s/:]{1,15}$/;

/** An entry; what it does not say of the fallback, the proxy's setting does. */
export interface VipEntry extends Omit<Vip, "isReplicaFallback"> {
  readonly isReplicaFallback: boolean | null;
}

/** The section. */
export const vip: ValueType<readonly VipEntry[]> = {
  ...anything,
  read: readVips,
};

/**
 * The entries with the fallback of the proxy (null: there is none) where they
 * name no other: an address and the port behind it should serve the same reads.
 */
export function effectiveVips(
  entries: readonly VipEntry[],
  proxy: { readonly isReplicaFallback: boolean } | null,
): readonly Vip[] {
  const usual = proxy?.isReplicaFallback ?? false;
  return entries.map((entry) => ({
    ...entry,
    isReplicaFallback: entry.role === "replica" &&
      (entry.isReplicaFallback ?? usual),
  }));
}

/**
 * Address and prefix length of `A` or `A/N`; null if it is no address.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseVipAddress } from "./vip.ts";
 * assert.deepEqual(parseVipAddress("10.0.0.9"), { address: "10.0.0.9", prefixLength: 32 });
 * ```
 */
export function parseVipAddress(
  text: string,
): Pick<Vip, "address" | "prefixLength"> | null {
  const [host = "", prefix, ...rest] = text.split("/");
  const version = isIP(host);
  if (version !== 4 && version !== 6 || rest.length > 0) return null;
  const address = version === 4 ? host : asKernelWrites(host);
  const longest = PREFIX_BY_VERSION[version];
  if (prefix === undefined) return { address, prefixLength: longest };
  const prefixLength = Number(prefix);
  const isLength = /^\d{1,3}$/.test(prefix) && prefixLength >= 1 &&
    prefixLength <= longest;
  return isLength ? { address, prefixLength } : null;
}

/** The shortest spelling, in small letters, so that it can be compared with what is bound. */
function asKernelWrites(address: string): string {
  return new URL(`http://[${address}]`).hostname.replace(/^\[|\]$/g, "");
}

/** Whether the kernel could have an interface of that name. */
export function isInterfaceName(text: string): boolean {
  return INTERFACE_NAME.test(text) && text !== "." && text !== "..";
}

function readVips(value: unknown): readonly VipEntry[] | Wanted {
  const list = Array.isArray(value) ? value : [value];
  const vips: VipEntry[] = [];
  for (const [at, item] of list.entries()) {
    const vip = readVip(item);
    if (vip instanceof Wanted) {
      return new Wanted(`${vip.text} in entry ${at + 1}`);
    }
    vips.push(vip);
  }
  const places = vips.map((vip) => `${vip.interface} ${vip.address}`);
  return new Set(places).size === places.length
    ? vips
    : new Wanted("each address once");
}

function readVip(value: unknown): VipEntry | Wanted {
  if (!isConfigMap(value)) {
    return new Wanted("a list of maps with address and interface");
  }
  const address = ownValue(value, "address");
  const name = ownValue(value, "interface");
  const role: unknown = ownValue(value, "role") ?? "primary";
  const gateway = ownValue(value, "gateway");
  const parsed = typeof address === "string" ? parseVipAddress(address) : null;
  if (parsed === null) {
    return new Wanted("address: an IP address such as 10.0.0.9 or 10.0.0.9/24");
  }
  if (typeof name !== "string" || !isInterfaceName(name)) {
    return new Wanted("interface: the name of a network interface");
  }
  if (role !== "primary" && role !== "replica") {
    return new Wanted("role: primary or replica");
  }
  const fallback = ownValue(value, "replica_fallback");
  const isReplicaFallback = isAbsent(fallback) ? null : parseBool(fallback);
  const isMisspelt = isReplicaFallback === null && !isAbsent(fallback);
  if (isMisspelt || (isReplicaFallback !== null && role !== "replica")) {
    return new Wanted("replica_fallback: true or false, for role replica");
  }
  const vip = { ...parsed, interface: name, role, isReplicaFallback } as const;
  if (isAbsent(gateway)) return { ...vip, gateway: null };
  return typeof gateway === "string" && isIP(gateway) !== 0
    ? { ...vip, gateway }
    : new Wanted("gateway: an IP address");
}
