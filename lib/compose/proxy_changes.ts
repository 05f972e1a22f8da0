/**
 * What of a stand-alone proxy's configuration is the same after a reload: the
 * whole, its store, its virtual addresses. A file that is named counts by its
 * content's marks, so that a renewed certificate is a change.
 */
import { createHash } from "node:crypto";
import type { ProxyHostConfig } from "../config/proxy_host.ts";
import { ConfigError } from "../config/problems.ts";
import type { VipGroup } from "../core/model/vip.ts";

/** Keys that name a file which is read. */
const NAMES_FILE = /(?:cert|key|ca|file)$/i;

/** Equal for equal configurations, the files that they name included. */
export function editionOf(config: ProxyHostConfig): string {
  return digest([config, ...marksOf(config)]);
}

/** Equal where the scope and the way to its store are the same. */
export function storeMark(
  { dcs, namespace, proxy: { agents }, scope }: ProxyHostConfig,
): string {
  return digest([dcs, agents, namespace, scope, ...marksOf(dcs)]);
}

/** Equal where the election of virtual addresses can go on as it is. */
export function vipMark(config: ProxyHostConfig): string {
  const { isNamed, name, vipGroups, proxy: { vipTtlMs } } = config;
  return digest([storeMark(config), isNamed, name, vipGroups, vipTtlMs]);
}

/** Groups whose addresses stay where they are when `next` takes the place of `config`. */
export function keptGroups(
  config: ProxyHostConfig,
  next: ProxyHostConfig,
): ReadonlySet<string> {
  if (storeMark(config) !== storeMark(next)) return new Set();
  const isKept = ({ group, vips }: VipGroup): boolean =>
    next.vipGroups.some((one) =>
      one.group === group && digest(one.vips) === digest(vips)
    );
  return new Set(config.vipGroups.filter(isKept).map(({ group }) => group));
}

/**
 * Refuses what only a start can change.
 *
 * @throws {ConfigError} With one sentence.
 */
export function checkReloadable(
  config: ProxyHostConfig,
  next: ProxyHostConfig,
): void {
  if (next.dataDir !== null) {
    throw new ConfigError(
      "postgresql.data_dir is for the proxy that an agent starts",
    );
  }
  if (config.clusters.length > 0 !== next.clusters.length > 0) {
    throw new ConfigError(
      "clusters comes or goes as a whole only when the proxy starts; restart it",
    );
  }
  if (digest(managedOf(config)) === digest(managedOf(next))) return;
  throw new ConfigError(
    "etcd3.managed is read only when the proxy starts; restart it",
  );
}

function managedOf({ dcs }: ProxyHostConfig): unknown {
  return dcs?.kind === "etcd3" ? dcs.managed : null;
}

/** Where a named file is now, and of when; a missing one counts, too. */
function marksOf(value: unknown): readonly string[] {
  return filesIn(value).map((path) => {
    try {
      const { ino, mtime, size } = Deno.statSync(path);
      return `${path} ${ino} ${size} ${mtime?.getTime()}`;
    } catch {
      return `${path} missing`;
    }
  });
}

function filesIn(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, one]: [string, unknown]) =>
    typeof one === "string" && NAMES_FILE.test(key) && one.startsWith("/")
      ? [one]
      : filesIn(one)
  );
}

/** Whether two values say the same. */
export function isEqual(left: unknown, right: unknown): boolean {
  return digest(left) === digest(right);
}

function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex")
    .slice(0, 12);
}
