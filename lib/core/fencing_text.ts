/** Decisions about fencing, and what stands in its way, as text for people. */
import type { FencingObstacle } from "./calc/takeover/fencing_obstacles.ts";
import type { TakeoverDecision } from "./model/takeover_decision.ts";

type DecisionOf<K extends TakeoverDecision["kind"]> = Extract<
  TakeoverDecision,
  { readonly kind: K }
>;

/** What is done about fencing, and why. */
export function fencingText(
  decision: DecisionOf<
    "write_fencing" | "rest_suspicion" | "take_fenced_lease"
  >,
): string {
  switch (decision.kind) {
    case "write_fencing":
      return writeText(decision);
    case "rest_suspicion":
      return decision.reason === "vetoed"
        ? "fencing nobody: the claim to it is gone"
        : `leaving it to others to fence the leader: ${decision.reason}`;
    case "take_fenced_lease":
      return "taking the leader key over: the host of " +
        `${decision.take.host} is off`;
  }
}

function writeText(
  { reason, write: { claim } }: DecisionOf<"write_fencing">,
): string {
  const host = claim?.host ?? "the leader";
  switch (reason) {
    case "leader_suspected":
      return `claiming to fence the host of ${host}: it seems to be lost`;
    case "attempt_failed":
      return `fencing ${host} again: attempt ${claim?.attempt ?? "?"}`;
    case "host_fenced":
      return `the host of ${host} is off: its key may be taken over`;
    case "given_up":
      return `fencing ${host} failed: its lease has to end`;
    case "withdrawn":
      return "fencing nobody: the leader is not suspected any more";
    case "vetoed":
      return "fencing nobody: the leader objected";
    case "leader_lives":
      return "objecting to being fenced: this leader lives";
  }
}

/**
 * The obstacle as its code and one sentence.
 *
 * @example
 * ```ts
 * import { fencingObstacleText } from "./fencing_text.ts";
 * const text = fencingObstacleText({ code: "no_fencing_command" });
 * if (!text.startsWith("no_fencing_command (")) throw new Error(text);
 * ```
 */
export function fencingObstacleText(obstacle: FencingObstacle): string {
  if (obstacle.code !== "leader_cannot_object") {
    return `${obstacle.code} (${SENTENCES[obstacle.code]})`;
  }
  const { code, member, version } = obstacle;
  const program = version === null
    ? "it has no member key"
    : `${version}: Patroni, an older version, or an agent that has not heard ` +
      "of the setting yet";
  return `${code} ${member} (${program})`;
}

const SENTENCES = {
  off: "the setting takeover is off",
  paused: "the cluster is in maintenance mode",
  standby_cluster: "in a standby cluster nobody is fenced",
  no_configuration: "the store has no dynamic configuration",
  store_without_transactions: "this store changes one key at a time",
  store_may_forget: "this store's own failover may lose what it has confirmed",
  no_leader: "nobody leads",
  leader_unheard:
    "this member has not heard the leader's agent since the leader began",
  no_fencing_command:
    "no other member has a fencing command in its configuration",
  no_fencer_may_lead:
    "no member with a fencing command may lead: nofailover, or not synchronous",
} as const;
