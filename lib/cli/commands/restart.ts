/** `restart`: members restart PostgreSQL, now or at a given time. */
import { isPausedIn } from "../../core/calc/documents/cluster_document.ts";
import type { Member } from "../../core/model/member.ts";
import { callMember } from "../api_client.ts";
import type { HttpReply } from "../context.ts";
import {
  type CommandDefinition,
  FORCE_OPTION,
  GROUP_OPTION,
  MEMBERS_ARGUMENT,
  REQUIRED_CLUSTER_ARGUMENT,
  ROLE_OPTION,
} from "../definition.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import {
  confirmMembers,
  selectionRequest,
  selectMembers,
} from "../member_selection.ts";
import { confirm, promptText } from "../prompts.ts";
import { failureLine } from "../replies.ts";
import { print, type Scope, type Session, withCluster } from "../session.ts";
import {
  exampleTime,
  parseSchedule,
  questionTime,
  type ScheduledTime,
} from "../timestamps.ts";

/** `restart`. */
export const RESTART_COMMAND: CommandDefinition = {
  name: "restart",
  summary: "Restart the PostgreSQL of members, now or later",
  arguments: [REQUIRED_CLUSTER_ARGUMENT, MEMBERS_ARGUMENT],
  options: [
    GROUP_OPTION,
    ROLE_OPTION,
    { flags: ["--any"], value: "none", help: "Restart only one, by chance" },
    {
      flags: ["--scheduled"],
      value: "text",
      help: "When, for example 2030-01-01T10:00:00+01:00; now by default",
    },
    {
      flags: ["--pg-version"],
      value: "text",
      help: "Only if PostgreSQL is older than this, for example 16.3",
    },
    {
      flags: ["--pending"],
      value: "none",
      help: "Only members that wait for a restart",
    },
    {
      flags: ["--timeout"],
      value: "text",
      help: "Seconds; a leader that takes longer is failed over",
    },
    FORCE_OPTION,
  ],
  run: (invocation, session) =>
    withCluster(
      session,
      invocation,
      (scope) => restart(invocation, session, scope),
    ),
};

async function restart(
  invocation: Invocation,
  session: Session,
  scope: Scope,
): Promise<void> {
  const view = await scope.read();
  const request = selectionRequest(invocation, "restart");
  const chosen = await selectMembers(session, scope, { view, request });
  const schedule = await chooseTime(invocation, session);
  const members = narrowed(chosen, { invocation, session, schedule });
  if (schedule === null) await confirmMembers(session, members, request);
  else await confirmSchedule(invocation, session, { members, schedule });
  const version = await chooseVersion(invocation, session);
  if (schedule !== null && isPausedIn(view.config?.document ?? {})) {
    throw new CliError("Can't schedule restart in the paused state");
  }
  const body = bodyOf(invocation, schedule, version);
  for (const member of members) {
    if (
      schedule !== null && request.isForced && member.scheduledRestart !== null
    ) {
      const call = { method: "DELETE", path: "/restart" } as const;
      await callMember(session, member, call);
    }
    const call = { method: "POST", path: "/restart", body } as const;
    const reply = await callMember(session, member, call);
    print(session, resultLine(member, reply));
  }
}

async function chooseTime(
  invocation: Invocation,
  { context }: Session,
): Promise<ScheduledTime | null> {
  const nowMs = context.clock.wallTimeMs();
  const given = invocation.text("--scheduled");
  const isAsked = given === null && !invocation.has("--force");
  const text = isAsked
    ? await promptText(
      context,
      `When should the restart take place (e.g. ${exampleTime(nowMs)}) `,
      "now",
    )
    : given;
  return parseSchedule(text, nowMs);
}

interface Narrowing {
  readonly invocation: Invocation;
  readonly session: Session;
  readonly schedule: ScheduledTime | null;
}

/** `--pending` and `--any`; what is pending at a later time is not known yet. */
function narrowed(
  members: readonly Member[],
  { invocation, session, schedule }: Narrowing,
): readonly Member[] {
  const isPendingOnly = invocation.has("--pending") && schedule === null;
  const kept = isPendingOnly
    ? members.filter((member) => member.pendingRestart !== null)
    : members;
  if (!invocation.has("--any") || kept.length === 0) return kept;
  const index = Math.floor(session.context.random.next() * kept.length);
  return kept.slice(index, index + 1);
}

async function confirmSchedule(
  invocation: Invocation,
  session: Session,
  { members, schedule }: {
    readonly members: readonly Member[];
    readonly schedule: ScheduledTime;
  },
): Promise<void> {
  if (invocation.has("--force")) return;
  const names = members.map(({ name }) => name).join(", ");
  const question = invocation.has("--pending")
    ? "The nodes needing a restart will be identified at the scheduled " +
      "time, and might be different from the ones showing pending restart " +
      "right now. Is this fine?"
    : `Are you sure you want to schedule restart of members ${names} at ` +
      `${questionTime(schedule)}?`;
  if (await confirm(session.context, question)) return;
  throw new CliError("Aborted scheduled restart");
}

/** Null: any version. */
async function chooseVersion(
  invocation: Invocation,
  { context }: Session,
): Promise<string | null> {
  const given = invocation.text("--pg-version");
  const isAsked = given === null && !invocation.has("--force");
  const text = isAsked
    ? await promptText(
      context,
      "Restart if the PostgreSQL version is less than provided (e.g. 9.5.2) ",
      "",
    )
    : given ?? "";
  if (text === "") return null;
  if (!/^[\d.]+$/.test(text)) {
    throw new CliError(`Invalid PostgreSQL version: ${text}`);
  }
  if (/^\d+\.\d+(?:\.\d+)?$/.test(text)) return text;
  throw new CliError(
    `Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: ${text}`,
  );
}

function bodyOf(
  invocation: Invocation,
  schedule: ScheduledTime | null,
  version: string | null,
): Readonly<Record<string, unknown>> {
  const timeout = invocation.text("--timeout");
  return {
    ...(invocation.has("--pending") ? { restart_pending: true } : {}),
    ...(version === null ? {} : { postgres_version: version }),
    ...(schedule === null ? {} : { schedule: schedule.iso }),
    ...(timeout === null ? {} : { timeout }),
  };
}

function resultLine({ name }: Member, reply: HttpReply): string {
  switch (reply.status) {
    case 200:
      return `Success: restart on member ${name}`;
    case 202:
      return `Success: restart scheduled on member ${name}`;
    case 409:
      return `Failed: another restart is already scheduled on member ${name}`;
    default:
      return failureLine(`restart for member ${name}`, reply);
  }
}
