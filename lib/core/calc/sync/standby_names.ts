/**
 * The value of synchronous_standby_names: written for replicas, and read back.
 */
import type { MemberName } from "../../model/member.ts";
import type { ClusterSettings } from "../../model/settings.ts";

/**
 * Stands for "commits wait, for nobody that exists": strict mode without known
 * names. Patroni writes the same name after 4.1; no member may have it.
 */
export const NOBODY = "__patroni_strict_sync_replica_placeholder__";

/**
 * The value of synchronous_standby_names for these replicas.
 *
 * Source: docs/contract/ha.md 11.3, "Value format".
 *
 * @example
 * ```ts
 * import { formatStandbys } from "./standby_names.ts";
 * if (formatStandbys(["a", "n-2"], false) !== '2 (a,"n-2")') throw new Error();
 * ```
 */
export function formatStandbys(
  names: readonly MemberName[],
  // A parameter of the scope, not a switch of behaviour.
  isStrict: ClusterSettings["isSynchronousModeStrict"],
): string {
  const [first] = names;
  if (first === undefined) return isStrict ? NOBODY : "";
  if (names.length === 1) return quoteStandby(first);
  return `${names.length} (${[...names].sort().map(quoteStandby).join(",")})`;
}

function quoteStandby(name: MemberName): string {
  const isPlain = /^[A-Za-z_][A-Za-z_0-9$]*$/.test(name) &&
    !["first", "any"].includes(name.toLowerCase());
  return isPlain ? name : `"${name.replaceAll('"', '""')}"`;
}

/**
 * The value for quorum commit; a single name has the same form.
 *
 * @param numsync How many of them must acknowledge; strict mode makes it at least 1.
 *
 * Source: docs/contract/ha.md 11.3, "Value format".
 */
export function formatQuorum(
  numsync: number,
  names: readonly MemberName[],
  isStrict: ClusterSettings["isSynchronousModeStrict"],
): string {
  if (names.length === 0) return isStrict ? `ANY 1 (${NOBODY})` : "";
  const count = isStrict ? Math.max(1, numsync) : numsync;
  if (count === 0) return "";
  return `ANY ${count} (${[...names].sort().map(quoteStandby).join(",")})`;
}

/** What a value says: how many acknowledge, and who may; `*` and
 * the placeholder name nobody. */
export interface StandbyNames {
  readonly numsync: number;
  readonly names: readonly MemberName[];
}

/**
 * Reads a value in any of the forms that agents write.
 *
 * @example
 * ```ts
 * import { parseStandbys } from "./standby_names.ts";
 * const { numsync, names } = parseStandbys('ANY 2 (a,"n-2",c)');
 * if (numsync !== 2 || names[1] !== "n-2") throw new Error("wrong");
 * ```
 *
 * Source: PostgreSQL 17 manual, "synchronous_standby_names".
 */
export function parseStandbys(value: string): StandbyNames {
  const match = /^\s*(?:(?:ANY|FIRST)\s+)?(\d+)\s*\((.*)\)\s*$/is.exec(value);
  const list = match === null ? value : match[2] ?? "";
  const names = [...list.matchAll(/"((?:[^"]|"")*)"|([^\s,"]+)/g)]
    .map((item) => item[1]?.replaceAll('""', '"') ?? item[2] ?? "")
    .filter((name) => name !== "*" && name.toLowerCase() !== NOBODY);
  const numsync = match === null ? Math.min(1, names.length) : Number(match[1]);
  return { numsync: Math.min(numsync, names.length), names };
}
