/** Reads the fence's part of a heartbeat; what is none is null, so nothing is fenced by mistake. */
import { isRevisionText } from "../lib/core/base/units.ts";
import type { FenceWord } from "../lib/core/model/fence.ts";
import type { CommandWords, Vip, VipCommand } from "../lib/core/model/vip.ts";

const INSTANCES = ["primary", "may_become_primary", "other"] as const;

/** The word, or null if `value` is none. */
export function decodeFenceWord(value: unknown): FenceWord | null {
  const fields = record(value);
  const instance = INSTANCES.find((one) => one === fields["instance"]);
  const { isPaused, isStandingDown, stopBudgetMs, leaderRevision } = fields;
  if (instance === undefined || typeof isPaused !== "boolean") return null;
  if (typeof isStandingDown !== "boolean") return null;
  if (typeof stopBudgetMs !== "number") return null;
  const vips = Array.isArray(fields["vips"]) ? fields["vips"] : [];
  return {
    instance,
    isPaused,
    isStandingDown,
    stopBudgetMs,
    leaderRevision: isRevisionText(leaderRevision) ? leaderRevision : null,
    vips: vips.flatMap(vipOf),
  };
}

function vipOf(value: unknown): readonly Vip[] {
  const fields = record(value);
  const { address, prefixLength, role, gateway, label } = fields;
  const { exec, onMove, routes, rules } = fields;
  const name = fields["interface"];
  if (typeof address !== "string" || typeof name !== "string") return [];
  if (typeof prefixLength !== "number") return [];
  return [{
    address,
    prefixLength,
    interface: name,
    role: role === "replica" ? role : "primary",
    // The fence takes addresses away whatever they are for.
    isReplicaFallback: false,
    gateway: typeof gateway === "string" ? gateway : null,
    announceEveryMs: null,
    label: typeof label === "string" ? label : null,
    routes: wordLists(routes),
    rules: wordLists(rules),
    onMove: commandOf(onMove),
    exec: commandOf(exec),
  }];
}

function wordLists(value: unknown): readonly CommandWords[] {
  return Array.isArray(value) ? value.flatMap((one) => wordsOf(one) ?? []) : [];
}

function wordsOf(value: unknown): readonly [CommandWords] | null {
  const isWords = Array.isArray(value) &&
    value.every((word) => typeof word === "string");
  return isWords ? [value] : null;
}

function commandOf(value: unknown): VipCommand | null {
  const { timeoutMs, words } = record(value);
  const [list] = wordsOf(words) ?? [];
  return list !== undefined && typeof timeoutMs === "number"
    ? { words: list, timeoutMs }
    : null;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
