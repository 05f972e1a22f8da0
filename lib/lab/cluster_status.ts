/**
 * The members as `GET /cluster` of any of them shows them: what the live table
 * prints, and what "the cluster is whole" means to the demo and the benchmark.
 */

/** One member in the answer. */
export interface MemberStatus {
  readonly name: string;
  readonly role: string;
  readonly state: string;
  readonly timeline: number | null;
  /** Replay lag in bytes; null if unknown or a leader. */
  readonly lag: number | null;
}

/** All members that are registered. */
export type ClusterStatus = readonly MemberStatus[];

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function memberStatus(value: unknown): MemberStatus {
  const facts: Readonly<Record<string, unknown>> = Object(value);
  return {
    name: String(facts["name"]),
    role: String(facts["role"]),
    state: String(facts["state"]),
    timeline: numberOrNull(facts["timeline"]),
    lag: numberOrNull(facts["lag"]),
  };
}

/** Reads the body of `GET /cluster`. */
export function parseClusterStatus(body: unknown): ClusterStatus {
  const members: unknown = Object(body)["members"];
  return Array.isArray(members) ? members.map(memberStatus) : [];
}

/**
 * The first answer among the members' REST APIs.
 *
 * @param ports REST ports on loopback.
 * @returns null if none answers.
 */
export async function fetchClusterStatus(
  ports: readonly number[],
): Promise<ClusterStatus | null> {
  for (const port of ports) {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/cluster`, {
        signal: AbortSignal.timeout(2500),
      });
      const body: unknown = await answer.json();
      const status = parseClusterStatus(body);
      if (status.length > 0) return status;
    } catch {
      // That member is down; the next one knows as well.
    }
  }
  return null;
}

/** The leader's name if it is running; else null. */
export function leaderOf(status: ClusterStatus): string | null {
  const leader = status.find((member) => member.role === "leader");
  return leader?.state === "running" ? leader.name : null;
}

/** What "whole" asks for. */
export interface Wholeness {
  readonly members: number;
  readonly isSynchronous: boolean;
}

/** What is missing until the cluster is whole, as a short text; null if nothing is. */
export function missingToBeWhole(
  status: ClusterStatus,
  wanted: Wholeness,
): string | null {
  const leader = status.find((member) => member.role === "leader");
  if (leader === undefined) return "no leader";
  if (leader.state !== "running") return `leader is ${leader.state}`;
  const streaming = status.filter((member) =>
    member !== leader && member.state === "streaming" &&
    member.timeline === leader.timeline && member.lag !== null
  );
  const missing = wanted.members - 1 - streaming.length;
  if (missing > 0) return `${missing} not streaming (${describe(status)})`;
  const isSync = status.some(({ role }) =>
    role === "sync_standby" || role === "quorum_standby"
  );
  const isSyncWanted = wanted.isSynchronous && wanted.members > 1;
  return isSyncWanted && !isSync ? "no synchronous standby" : null;
}

/** One short line: `m1 leader running, m2 replica streaming`. */
function describe(status: ClusterStatus): string {
  return status.map((m) => `${m.name} ${m.role} ${m.state}`).join(", ");
}
