/**
 * What Services and people see at a member's pod: its role, as labels. Pure.
 *
 * Source: docs/contract/dcs.md 12.
 */
import { parseJsonObject, readText } from "../../core/codec/json.ts";
import type { Annotations } from "./layout.ts";
import type { PodLabelNames } from "./options.ts";

const BOOTSTRAP_STATES: ReadonlySet<string | null> = new Set([
  "initializing new cluster",
  "running custom bootstrap script",
  "starting after custom bootstrap",
  "creating replica",
]);

/**
 * The labels of a member that publishes `value`; null removes one.
 *
 * @param isLeader It holds the leader key, as far as this process knows.
 */
export function podLabels(
  names: PodLabelNames,
  value: string,
  isLeader: "leader" | "no_leader",
): Annotations {
  const member = parseJsonObject(value);
  const state = readText(member?.["state"]);
  const role = readText(member?.["role"]);
  const shown = isLeader === "leader"
    ? leaderRole(names, role)
    : followerRole(names, { state, role });
  const isMaking = BOOTSTRAP_STATES.has(state);
  return {
    ...Object.fromEntries(
      Object.entries(names.bootstrap).map(([name, text]) => [
        name,
        isMaking ? text : null,
      ]),
    ),
    ...(names.temporaryRole === null
      ? {}
      : { [names.temporaryRole]: shown.standard }),
    [names.role]: shown.own,
  };
}

/** A role as configured, and as it is called by default; null: none. */
interface ShownRole {
  readonly own: string | null;
  readonly standard: string | null;
}

function leaderRole(names: PodLabelNames, role: string | null): ShownRole {
  return {
    own: role === "standby_leader"
      ? names.standbyLeaderValue
      : names.leaderValue,
    standard: "primary",
  };
}

function followerRole(
  names: PodLabelNames,
  { state, role }: { state: string | null; role: string | null },
): ShownRole {
  if (state !== "running" || role === null || role === "primary") {
    return { own: null, standard: null };
  }
  const own = role === "replica" ? names.followerValue : role;
  return { own, standard: role };
}
