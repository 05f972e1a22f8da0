/** Why a lost leader could not be taken over from, as text for people. */
import type { Obstacle } from "./calc/takeover/obstacles.ts";
import { type LossOutlook, replacedBy } from "./calc/takeover/outlook.ts";
import { fencingObstacleText } from "./fencing_text.ts";

/**
 * The obstacle as its code and one sentence.
 *
 * @example
 * ```ts
 * import { obstacleText } from "./obstacle_text.ts";
 * const text = obstacleText({
 *   code: "voter_cannot_pledge",
 *   member: "n3",
 *   version: "4.1.4",
 * });
 * if (!text.startsWith("voter_cannot_pledge n3")) throw new Error(text);
 * ```
 */
export function obstacleText(obstacle: Obstacle): string {
  switch (obstacle.code) {
    case "leader_cannot_object":
    case "voter_cannot_pledge": {
      const { code, member, version } = obstacle;
      const program = version === null
        ? "it has no member key"
        : `${version}: Patroni, an older version, or an agent that has not ` +
          "heard of the setting yet";
      return `${code} ${member} (${program})`;
    }
    case "voters_behind":
      return `voters_behind ${obstacle.members.join(", ")} (their data was ` +
        "filled anew, and they have not caught up yet)";
    case "leader_unheard":
    case "consent_may_stand":
    case "pledges_refused": {
      const { code, member } = obstacle;
      return `${code} ${member} (${OWN_SENTENCES[code]})`;
    }
    default:
      return `${obstacle.code} (${SENTENCES[obstacle.code]})`;
  }
}

const SENTENCES = {
  off: "the setting takeover is off",
  asynchronous: "it needs synchronous_mode on or quorum",
  paused: "the cluster is in maintenance mode",
  standby_cluster: "a standby cluster acknowledges nothing",
  store_without_transactions: "this store changes one key at a time",
  store_may_forget: "this store's own failover may lose what it has confirmed",
  no_leader: "nobody leads",
  no_voters: "no standby surely has every commit",
  no_voter_may_lead: "every synchronous standby is tagged nofailover",
} as const;

const OWN_SENTENCES = {
  leader_unheard:
    "this voter has not heard the leader's agent since the leader began",
  consent_may_stand:
    "this voter may have agreed to its leader in failsafe mode before it was " +
    "started, and does not pledge until one ttl has passed",
  pledges_refused:
    "the store refuses its key below pledges/: it cannot pledge, nor follow " +
    "while it may have pledged before; allow it to write there as below members/",
} as const;

/** One line: what would become of a lost leader's host now, and why. */
export function takeoverLine(outlook: LossOutlook): string {
  const { obstacles, fencing } = outlook;
  const what = "If the leader's host is lost";
  switch (replacedBy(outlook)) {
    case "pledges":
      return `${what}, it is replaced within seconds: takeover would work now`;
    case "fencing":
      return `${what}, the fencing command of ${
        fencing.members.join(" or ")
      } ends it first, and it is replaced then`;
    case null: {
      const isFencingWanted = fencing.obstacles.every(({ code }) =>
        code !== "no_fencing_command" && code !== "off"
      );
      const found = [
        ...obstacles.map(obstacleText),
        ...isFencingWanted
          ? [
            `nor can it be fenced: ${
              fencing.obstacles.map(fencingObstacleText).join("; ")
            }`,
          ]
          : [],
      ];
      return `${what}, its lease has to end first: ${found.join("; ")}`;
    }
  }
}

/** The same for programs. */
export function takeoverDocument(
  outlook: LossOutlook,
): Readonly<Record<string, unknown>> {
  const { obstacles, fencing } = outlook;
  return {
    works: replacedBy(outlook) !== null,
    by: replacedBy(outlook),
    obstacles: obstacles.map((obstacle) => ({
      ...obstacle,
      text: obstacleText(obstacle),
    })),
    fencing: {
      members: fencing.members,
      obstacles: fencing.obstacles.map((obstacle) => ({
        ...obstacle,
        text: fencingObstacleText(obstacle),
      })),
    },
  };
}
