/**
 * DCS_LOSS: the store cannot be reached. Nobody gains anything here; a primary
 * keeps what its lease still covers (R020 stops it in time), a stopped one comes
 * back read-only.
 */
import { deadlineOf } from "../model/lease_view.ts";
import { leaseRemainingMs, stopBudgetMs } from "../calc/lead/budgets.ts";
import { failsafeQuestion, isConsentLost } from "../calc/lead/failsafe.ts";
import type { Decision } from "../model/decision.ts";
import type { Observation } from "../model/observation.ts";
import {
  mayBeWritable,
  primaryOf,
  startAsStandby,
  startTask,
  wait,
  waitShortly,
} from "./parts.ts";
import { RESTORE_WITHOUT_STORE } from "./restore.ts";
import type { Rule } from "./rule.ts";

/** A renewal is tried again after that time while the lease runs. */
const TRY_AGAIN_MS = 1_000;

/** The rows while the store is unreachable. */
export const DCS_LOSS: readonly Rule[] = [
  {
    id: "R810",
    why: "In pause a lost store changes nothing.",
    decides: ["wait dcs_unreachable"],
    match: (o) => o.settings.isPaused ? wait("dcs_unreachable") : null,
  },
  {
    id: "R820",
    why: "A primary without a lease stops at once.",
    decides: ["demote dcs_unreachable"],
    match: (o) =>
      mayBeWritable(o) && o.lease.kind !== "held"
        ? startTask(
          { kind: "demote", how: "offline", deadline: null },
          "dcs_unreachable",
        )
        : null,
  },
  {
    id: "R823",
    why:
      "In failsafe mode a primary asks every member of the failsafe map whether it may go on.",
    decides: ["ask_failsafe dcs_unreachable"],
    match: askFailsafe,
  },
  {
    id: "R825",
    why:
      "A primary that goes on by consents steps down when a member has not agreed for some seconds, or leads itself.",
    decides: ["demote consent_lost"],
    match: (o) =>
      primaryOf(o) !== null && isConsentLost(o)
        ? startTask(
          { kind: "demote", how: "offline", deadline: deadlineOf(o.lease) },
          "consent_lost",
        )
        : null,
  },
  {
    id: "R826",
    why:
      "With the consent of all of them a primary goes on for another ttl, counted from before it asked.",
    decides: ["wait failsafe_covers"],
    match: (o) =>
      primaryOf(o) !== null && o.lease.kind === "held" &&
        o.lease.source === "failsafe" &&
        o.lease.cover !== "refused"
        ? waitShortly("failsafe_covers", {}, untilStop(o))
        : null,
  },
  {
    id: "R830",
    why: "A primary goes on while its lease covers it, and keeps trying.",
    decides: ["wait lease_still_covers"],
    match: (o) =>
      !mayBeWritable(o)
        ? null
        : waitShortly("lease_still_covers", {}, untilStop(o)),
  },
  RESTORE_WITHOUT_STORE,
  {
    id: "R840",
    why:
      "An instance that stopped as primary comes back read-only once it may not lead any more.",
    decides: ["start instance_down", "wait back_off"],
    match: (o) =>
      o.postgres.kind === "stopped" && wasPrimary(o)
        ? startAsStandby(o, null, "instance_down")
        : null,
  },
  {
    id: "R850",
    why: "A replica goes on; nobody is promoted.",
    decides: ["wait dcs_unreachable"],
    match: () => waitShortly("dcs_unreachable", {}, TRY_AGAIN_MS),
  },
];

/** Also of an instance that crashed, or that the fence took down: as soon as it may not lead any more. */
function wasPrimary(o: Observation): boolean {
  const { role } = o.memory;
  const remaining = leaseRemainingMs(o.lease, o.now) ?? 0;
  return role === "demoted" || (role === "primary" && remaining <= 0);
}

function untilStop(o: Observation): number {
  const remaining = leaseRemainingMs(o.lease, o.now) ?? 0;
  const untilMs = remaining - stopBudgetMs(o.settings);
  return Math.max(50, Math.min(TRY_AGAIN_MS, untilMs));
}

function askFailsafe(o: Observation): Decision | null {
  const members = primaryOf(o) === null ? null : failsafeQuestion(o);
  return members === null
    ? null
    : { kind: "ask_failsafe", reason: "dcs_unreachable", members };
}
