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
import type { ConfigMap } from "../../core/calc/documents/config_merge.ts";
import {
  NO_INTERFACE,
  type Vip,
  type VipGroup,
  type VipRole,
  type VipStanding,
} from "../../core/model/vip.ts";
import { isAbsent, Wanted } from "../fields.ts";
import type { ValueType } from "../keys/key.ts";
import { anything, durationMs } from "../keys/types.ts";
import { readVipExtras, type VipPlace } from "./vip_extras.ts";

/** An address alone is bound as a host of its own; the subnet is the interface's. */
const PREFIX_BY_VERSION = { 4: 32, 6: 128 } as const;

/** Longer names are refused by the kernel. Source: linux/if.h, IFNAMSIZ. */
const INTERFACE_NAME = /^[^\s/:]{1,15}$/;

const ROLES: readonly VipRole[] = [
  "primary",
  "replica",
  "standby_leader",
  "proxy",
];

/** A part of the keys in the store. */
const GROUP_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
const GROUP_DEFAULT = "proxy";

/** As keepalived has it, 255 being the owner of an address. */
const PRIORITY = { min: 1, max: 255, usual: 100 } as const;

/** More often would be noise on everybody's network. */
const ANNOUNCE_MS_MIN = 1_000;

/** An entry; what it does not say of the fallback, the proxy's setting does. */
export interface VipEntry extends Omit<Vip, "isReplicaFallback"> {
  readonly isReplicaFallback: boolean | null;
  /** Of role `proxy`; null: another role. */
  readonly standing: VipStanding | null;
}

/** The section. */
export const vip: ValueType<readonly VipEntry[]> = {
  ...anything,
  read: readVips,
};

/**
 * The members' entries with the fallback of the proxy (null: there is none)
 * where they name no other: an address and the port behind it should serve the
 * same reads.
 */
export function effectiveVips(
  entries: readonly VipEntry[],
  proxy: { readonly isReplicaFallback: boolean } | null,
): readonly Vip[] {
  const usual = proxy?.isReplicaFallback ?? false;
  return entries.filter(({ standing }) => standing === null)
    .map(({ standing: _, ...entry }) => ({
      ...entry,
      isReplicaFallback: entry.role === "replica" &&
        (entry.isReplicaFallback ?? usual),
    }));
}

/** The addresses of proxies by their groups, in the order of the entries. */
export function vipGroups(entries: readonly VipEntry[]): readonly VipGroup[] {
  const groups = new Map<string, VipGroup>();
  for (const { standing, ...entry } of entries) {
    if (standing === null) continue;
    const before = groups.get(standing.group)?.vips ?? [];
    const vips = [...before, { ...entry, isReplicaFallback: false }];
    groups.set(standing.group, { ...standing, vips });
  }
  return [...groups.values()];
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
  if (new Set(places).size !== places.length) {
    return new Wanted("each address once");
  }
  const stands = vips.flatMap(({ standing }) => standing ?? []);
  const isOne = stands.every((one) =>
    stands.every((other) =>
      one.group !== other.group ||
      (one.priority === other.priority &&
        one.isPreempting === other.isPreempting)
    )
  );
  return isOne ? vips : new Wanted("one priority and one preempt per group");
}

function readVip(value: unknown): VipEntry | Wanted {
  if (!isConfigMap(value)) {
    return new Wanted("a list of maps with address and interface");
  }
  const place = readPlace(value);
  if (place instanceof Wanted) return place;
  const role: unknown = ownValue(value, "role") ?? "primary";
  if (!isRole(role)) {
    return new Wanted(`role: one of ${ROLES.join(", ")}`);
  }
  const fallback = ownValue(value, "replica_fallback");
  const isReplicaFallback = isAbsent(fallback) ? null : parseBool(fallback);
  const isMisspelt = isReplicaFallback === null && !isAbsent(fallback);
  if (isMisspelt || (isReplicaFallback !== null && role !== "replica")) {
    return new Wanted("replica_fallback: true or false, for role replica");
  }
  const gateway = ownValue(value, "gateway");
  if (!isAbsent(gateway) && !isGateway(gateway)) {
    return new Wanted("gateway: an IP address");
  }
  const announceEveryMs = readAnnounceEvery(value);
  if (announceEveryMs instanceof Wanted) return announceEveryMs;
  const standing = readStanding(value, role);
  if (standing instanceof Wanted) return standing;
  const extras = readVipExtras(value, place);
  if (extras instanceof Wanted) return extras;
  return {
    ...{ ...place, role, isReplicaFallback, ...extras },
    ...{ gateway: isGateway(gateway) ? gateway : null, announceEveryMs },
    standing,
  };
}

/** In a cloud an address may be on no interface that we know of. */
function readPlace(value: ConfigMap): VipPlace | Wanted {
  const address = ownValue(value, "address");
  const name = ownValue(value, "interface");
  const parsed = typeof address === "string" ? parseVipAddress(address) : null;
  if (parsed === null) {
    return new Wanted("address: an IP address such as 10.0.0.9 or 10.0.0.9/24");
  }
  if (isAbsent(name) && ownValue(value, "provider") === "exec") {
    return { ...parsed, interface: NO_INTERFACE };
  }
  return typeof name === "string" && isInterfaceName(name)
    ? { ...parsed, interface: name }
    : new Wanted("interface: the name of a network interface");
}

function readAnnounceEvery(value: ConfigMap): number | null | Wanted {
  const every = ownValue(value, "announce_every");
  if (isAbsent(every)) return null;
  const ms = durationMs.read(every);
  return ms instanceof Wanted || ms < ANNOUNCE_MS_MIN
    ? new Wanted("announce_every: a time of at least 1 s")
    : ms;
}

/** What only proxies' addresses have. */
function readStanding(
  value: ConfigMap,
  role: VipRole,
): VipStanding | null | Wanted {
  const [group, priority, preempt] = ["group", "priority", "preempt"]
    .map((key) => ownValue(value, key) ?? null);
  if (role !== "proxy") {
    return group === null && priority === null && preempt === null
      ? null
      : new Wanted("group, priority and preempt only with role proxy");
  }
  const name = group ?? GROUP_DEFAULT;
  if (typeof name !== "string" || !GROUP_NAME.test(name)) {
    return new Wanted("group: a name of letters, digits, _ . and -");
  }
  const { min, max, usual } = PRIORITY;
  const height = priority ?? usual;
  const isHeight = typeof height === "number" && Number.isInteger(height) &&
    height >= min && height <= max;
  if (!isHeight) {
    return new Wanted(`priority: a whole number from ${min} to ${max}`);
  }
  const isPreempting = preempt === null ? false : parseBool(preempt);
  return isPreempting === null
    ? new Wanted("preempt: true or false")
    : { group: name, priority: height, isPreempting };
}

function isRole(value: unknown): value is VipRole {
  return ROLES.some((role) => role === value);
}

function isGateway(value: unknown): value is string {
  return typeof value === "string" && isIP(value) !== 0;
}
