/** Where members live that may be hurt: what each verb does there, and how a client comes in. */

/** What can be done to a member. */
export const CHAOS_VERBS = ["kill", "freeze", "cut", "heal"] as const;

/** One of them. */
export type ChaosVerb = typeof CHAOS_VERBS[number];

/** A lab of processes or of containers. */
export interface ChaosPlace {
  /** Names of its members. */
  readonly members: readonly string[];
  /** A lab's directory, or a compose project. */
  readonly what: string;
  /** @throws {ChaosError} With one sentence, if it cannot be done. */
  do(verb: ChaosVerb, member: string): Promise<void>;
  /** Connection string of a port that leads to the leader, beside this member. */
  clientUrl(beside: string): Promise<string>;
}

/** What was asked for cannot be done. One sentence. */
export class ChaosError extends Error {
  override readonly name: string = "ChaosError";
}

/** What people read. */
export const CHAOS_DONE: Readonly<Record<ChaosVerb, string>> = {
  kill: "is killed (all of it, SIGKILL)",
  freeze: "is frozen (all of it stands still)",
  cut: "is cut off from the others",
  heal: "is healed",
};
