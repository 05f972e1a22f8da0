/**
 * Judges a request for switchover or failover before anything is written: the
 * rows of the contract in their order, each with its status and text. Knows
 * nothing of HTTP besides these numbers.
 *
 * Source: docs/contract/rest-api.md 9.2.
 */
import { isUsable } from "../core/calc/lead/candidates.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { Member, MemberName } from "../core/model/member.ts";
import type { PeerAnswer } from "../core/model/peer_view.ts";
import { parseScheduledTime } from "./timestamps.ts";

/** What was asked for. Text fields are never empty. */
export interface ManualRequest {
  readonly action: "switchover" | "failover";
  readonly leader: MemberName | null;
  readonly candidate: MemberName | null;
  readonly scheduledAt: string | null;
}

/** The settings that the judgement depends on. */
export interface ScopeModes {
  readonly isPaused: boolean;
  /** Synchronous mode `on`; quorum mode restricts nobody here. */
  readonly isSynchronous: boolean;
}

/** A refusal; status and text as they are answered. */
export interface Refusal {
  readonly status: 400 | 412 | 422;
  readonly text: string;
}

/** A scheduled moment that was accepted; null: now. */
export type Schedule =
  | { readonly kind: "accepted"; readonly iso: string | null }
  | { readonly kind: "refused"; readonly refusal: Refusal };

const UNREADABLE = "Unable to parse scheduled timestamp. It should be in an " +
  "unambiguous format, e.g. ISO 8601";

/**
 * Rows 5 to 7: a date-time with zone that is not in the past.
 *
 * @param action The word for the texts.
 */
export function judgeSchedule(
  text: string,
  action: "switchover" | "restart",
  wallTimeMs: number,
): Schedule {
  const time = parseScheduledTime(text);
  switch (time.kind) {
    case "unreadable":
      return refused(422, UNREADABLE);
    case "no_zone":
      return refused(
        400,
        `Timezone information is mandatory for the scheduled ${action}`,
      );
    case "time":
      return time.epochMs < wallTimeMs
        ? refused(422, `Cannot schedule ${action} in the past`)
        : { kind: "accepted", iso: time.iso };
  }
}

/** Rows 1 to 9. */
export function judgeForm(
  request: ManualRequest,
  modes: ScopeModes,
  wallTimeMs: number,
): Schedule {
  const early = earlyRefusal(request, modes);
  if (early !== null) return { kind: "refused", refusal: early };
  const schedule: Schedule = request.scheduledAt === null
    ? { kind: "accepted", iso: null }
    : judgeSchedule(request.scheduledAt, "switchover", wallTimeMs);
  if (schedule.kind === "refused") return schedule;
  const { leader, candidate } = request;
  if (modes.isPaused && candidate === null) {
    return refused(
      400,
      "Switchover is possible only to a specific candidate in a paused state",
    );
  }
  return leader !== null && leader === candidate
    ? refused(400, "Switchover target and source are the same")
    : schedule;
}

function earlyRefusal(
  request: ManualRequest,
  modes: ScopeModes,
): Refusal | null {
  const { action, leader, candidate, scheduledAt } = request;
  if (action === "failover" && candidate === null) {
    return refusal(
      400,
      "Failover could be performed only to a specific candidate",
    );
  }
  if (action === "switchover" && leader === null) {
    return refusal(
      400,
      "Switchover could be performed only from a specific leader",
    );
  }
  if (scheduledAt === null) return null;
  if (action === "failover") return refusal(400, "Failover can't be scheduled");
  return modes.isPaused
    ? refusal(400, "Can't schedule switchover in the paused state")
    : null;
}

/** Rows 10 to 14, and the members that must then be asked for row 15. */
export function judgeMembers(
  request: ManualRequest,
  modes: ScopeModes,
  view: ClusterView,
): Refusal | { readonly ask: readonly Member[] } {
  const { action, leader, candidate } = request;
  const leaderName = view.leader?.name ?? null;
  if (leader !== null && leader !== leaderName) {
    return refusal(412, "leader name does not match");
  }
  if (candidate !== null) return judgeCandidate(request, modes, view);
  const others = view.members.filter((member) =>
    member.name !== leaderName && member.apiUrl !== null
  );
  if (modes.isSynchronous) {
    const listed = view.members.filter(({ name }) => isStandby(view, name));
    return listed.length > 0 ? { ask: listed } : refusal(
      412,
      `${action} is not possible: can not find sync_standby`,
    );
  }
  return others.length > 0 ? { ask: others } : refusal(
    412,
    `${action} is not possible: cluster does not have members except leader`,
  );
}

function judgeCandidate(
  { action, candidate }: ManualRequest,
  modes: ScopeModes,
  view: ClusterView,
): Refusal | { readonly ask: readonly Member[] } {
  const isRestricted = action === "switchover" && modes.isSynchronous;
  if (isRestricted && !isStandby(view, candidate ?? "")) {
    return refusal(412, "candidate name does not match with sync_standby");
  }
  const member = view.members.find(({ name }) => name === candidate);
  return member === undefined
    ? refusal(412, "candidate does not exists")
    : { ask: [member] };
}

/** Row 15: somebody who was asked must be able to take over. */
export function judgeAnswers(
  action: ManualRequest["action"],
  answers: readonly PeerAnswer[],
): Refusal | null {
  return answers.some(isUsable) ? null : refusal(
    412,
    `${action} is not possible: no good candidates have been found`,
  );
}

function isStandby(view: ClusterView, name: MemberName): boolean {
  return view.sync.standbys.some((standby) =>
    standby.toLowerCase() === name.toLowerCase()
  );
}

function refusal(status: Refusal["status"], text: string): Refusal {
  return { status, text };
}

function refused(status: Refusal["status"], text: string): Schedule {
  return { kind: "refused", refusal: refusal(status, text) };
}
