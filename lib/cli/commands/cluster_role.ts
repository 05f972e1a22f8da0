/**
 * `demote-cluster` and `promote-cluster`: a cluster becomes the standby cluster
 * of a remote primary, and stands alone again.
 */
import { memberOf } from "../../core/model/cluster_view.ts";
import type { Member } from "../../core/model/member.ts";
import { callMember } from "../api_client.ts";
import {
  CLUSTER_ARGUMENT,
  type CommandDefinition,
  FORCE_OPTION,
} from "../definition.ts";
import { CliError, messageOf } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { confirm } from "../prompts.ts";
import {
  print,
  type Scope,
  type Session,
  showTable,
  withCluster,
} from "../session.ts";
import { localTime } from "../timestamps.ts";

const POLL_MS = 1000;

type Change = "demote" | "promote";
type StandbyCluster = Readonly<Record<string, unknown>> | null;

/** `demote-cluster`. */
export const DEMOTE_CLUSTER_COMMAND: CommandDefinition = {
  name: "demote-cluster",
  summary: "Make a cluster follow the primary of another cluster",
  arguments: [CLUSTER_ARGUMENT],
  options: [
    FORCE_OPTION,
    { flags: ["--host"], value: "text", help: "Address of the remote primary" },
    { flags: ["--port"], value: "integer", help: "Its port" },
    {
      flags: ["--restore-command"],
      value: "text",
      help: "Command that fetches WAL of the remote primary",
    },
    {
      flags: ["--primary-slot-name"],
      value: "text",
      help: "Slot on the remote primary",
    },
  ],
  run: async (invocation, session) => {
    const isAimed = ["--host", "--port", "--restore-command"].some((flag) =>
      invocation.has(flag)
    );
    if (!isAimed) {
      throw new CliError(
        "At least --host, --port or --restore-command should be specified",
      );
    }
    await changeRole("demote", invocation, session);
  },
};

/** `promote-cluster`. */
export const PROMOTE_CLUSTER_COMMAND: CommandDefinition = {
  name: "promote-cluster",
  summary: "Make a standby cluster stand alone",
  arguments: [CLUSTER_ARGUMENT],
  options: [FORCE_OPTION],
  run: (invocation, session) => changeRole("promote", invocation, session),
};

async function changeRole(
  change: Change,
  invocation: Invocation,
  session: Session,
): Promise<void> {
  await withCluster(session, invocation, async (scope) => {
    const view = await scope.read();
    const noun = change === "demote" ? "demotion" : "promotion";
    const leader = memberOf(view, view.leader?.name ?? "");
    if (leader === null) {
      throw new CliError(`Cluster has no leader, ${noun} is not possible`);
    }
    if (leader.role === targetRole(change)) {
      throw new CliError("Cluster is already in the required state");
    }
    print(session, "Current cluster topology");
    showTable(session, scope, view);
    const question =
      `Are you sure you want to ${change} ${scope.name} cluster?`;
    const isSure = invocation.has("--force") ||
      await confirm(session.context, question);
    if (!isSure) throw new CliError(`Aborted cluster ${noun}`);
    await request({ change, session, scope, leader }, sectionOf(invocation));
    await untilChanged({ change, session, scope, leader });
  });
}

interface Work {
  readonly change: Change;
  readonly session: Session;
  readonly scope: Scope;
  /** The leader before. */
  readonly leader: Member;
}

function targetRole(change: Change): string {
  return change === "demote" ? "standby_leader" : "primary";
}

function sectionOf(invocation: Invocation): StandbyCluster {
  const values = {
    host: invocation.text("--host"),
    port: invocation.number("--port"),
    primary_slot_name: invocation.text("--primary-slot-name"),
    restore_command: invocation.text("--restore-command"),
  };
  const given = Object.entries(values).filter(([, value]) => value !== null);
  return given.length === 0 ? null : Object.fromEntries(given);
}

/** The refusal of a status is wrapped twice: tools know it like that. */
async function request(
  { change, session, scope, leader }: Work,
  section: StandbyCluster,
): Promise<void> {
  const failed = `Failed to ${change} ${scope.name} cluster: `;
  const body = { standby_cluster: section };
  const call = { method: "PATCH", path: "/config", body } as const;
  let detail: string;
  try {
    const reply = await callMember(session, leader, call);
    if (reply.status === 200) return;
    detail = `${failed}/config PATCH status code=${reply.status}, ` +
      `(${reply.body})`;
  } catch (error) {
    detail = messageOf(error);
  }
  throw new CliError(`${failed}${detail}`);
}

async function untilChanged(
  { change, session, scope, leader: previous }: Work,
): Promise<void> {
  for (;;) {
    const view = await scope.read();
    const leader = memberOf(view, view.leader?.name ?? "");
    const former = memberOf(view, previous.name);
    const isFormerReady = change === "promote" || former?.state === "running";
    const time = localTime(session.context.clock.wallTimeMs()).text;
    const isDone = leader?.role === targetRole(change) &&
      leader.state === "running" && isFormerReady;
    if (isDone) {
      const done = change === "demote" ? "demoted" : "promoted";
      print(session, `${time} cluster is successfully ${done}`);
      showTable(session, scope, view);
      return;
    }
    const isOther = change === "demote" && leader?.name !== previous.name;
    const unlocked = view.leader === null ? "True" : "False";
    print(
      session,
      `${time} cluster is unlocked: ${unlocked}, leader role: ` +
        `${leader?.role ?? "None"}, leader state: ${leader?.state ?? "None"}` +
        (isOther ? `, previous leader state: ${former?.state ?? "None"}` : ""),
    );
    await session.context.clock.sleep(POLL_MS);
  }
}
