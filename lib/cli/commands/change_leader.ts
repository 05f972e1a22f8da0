/**
 * What `switchover` and `failover` have in common: choosing who takes over,
 * asking, and handing the request to the cluster: by REST, and if nobody
 * answers there, by the `failover` key.
 *
 * The numbers in the comments are the rows of docs/contract/cli.md A7.
 */
import {
  isPausedIn,
  isStandbyCluster,
  synchronousModeOf,
} from "../../core/calc/documents/cluster_document.ts";
import { textForm } from "../../core/calc/documents/config_merge.ts";
import { encodeFailover } from "../../core/codec/failover_codec.ts";
import { type ClusterView, memberOf } from "../../core/model/cluster_view.ts";
import type { Member, MemberName } from "../../core/model/member.ts";
import { callMember } from "../api_client.ts";
import type { HttpReply } from "../context.ts";
import { CliError, messageOf } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { confirm, promptInteger, promptText } from "../prompts.ts";
import {
  clusterName,
  log,
  print,
  type Scope,
  type Session,
  showTable,
  withScope,
} from "../session.ts";
import {
  exampleTime,
  lineTimestamp,
  parseSchedule,
  type ScheduledTime,
} from "../timestamps.ts";

/** Which of the two commands runs. */
export type LeaderChange = "switchover" | "failover";

/** What is done, for whom, and where. */
interface Change {
  readonly action: LeaderChange;
  readonly isForced: boolean;
  readonly invocation: Invocation;
  readonly session: Session;
  readonly scope: Scope;
  readonly view: ClusterView;
}

/** What will be asked of the cluster. */
interface Plan {
  /** Null: the scope has no leader. */
  readonly leader: MemberName | null;
  /** Null: any. */
  readonly candidate: MemberName | null;
  /** Null: now. */
  readonly schedule: ScheduledTime | null;
}

const NOT_SUPPORTED = "Server does not support this operation";

/** Runs one of the two commands. */
export async function changeLeader(
  action: LeaderChange,
  invocation: Invocation,
  session: Session,
): Promise<void> {
  const isForced = invocation.has("--force");
  const name = clusterName(session, invocation.positionals[0]);
  const group = await groupOf(invocation, session, isForced);
  await withScope(session, { name, group }, async (scope) => {
    const view = await scope.read();
    print(session, "Current cluster topology");
    showTable(session, scope, view);
    const change = { action, isForced, invocation, session, scope, view };
    await execute(change, await makePlan(change));
  });
}

/** Row 2. */
async function groupOf(
  invocation: Invocation,
  { context, settings }: Session,
  isForced: boolean,
): Promise<number | null> {
  const group = invocation.number("--group");
  if (group !== null || settings.citusGroup === null) return group;
  if (isForced) {
    throw new CliError("For Citus clusters the --group must me specified");
  }
  return await promptInteger(context, "Citus group");
}

async function makePlan(change: Change): Promise<Plan> {
  const { action, view } = change;
  const leader = action === "switchover"
    ? await chooseLeader(change)
    : view.leader?.name ?? null;
  const candidate = await chooseCandidate(change, leader);
  const schedule = action === "switchover" ? await chooseTime(change) : null;
  const plan = { leader, candidate, schedule };
  if (!change.isForced) await confirmPlan(change, plan);
  return plan;
}

/** Row 3. */
async function chooseLeader(change: Change): Promise<MemberName> {
  const { view, invocation, session, scope } = change;
  const current = view.leader?.name ?? null;
  if (current === null) throw new CliError("This cluster has no leader");
  const isStandby = isStandbyCluster(view.config?.document ?? {});
  const prompt = isStandby ? "Standby Leader" : "Primary";
  const given = invocation.text("--leader") ??
    (change.isForced
      ? current
      : await promptText(session.context, prompt, current));
  if (given === current) return current;
  throw new CliError(
    `Member ${given} is not the leader of cluster ${scope.name}`,
  );
}

/** Rows 4 to 7. */
async function chooseCandidate(
  change: Change,
  leader: MemberName | null,
): Promise<MemberName | null> {
  const { action, view, invocation, session, scope } = change;
  const names = view.members
    .filter((member) => member.name !== leader && isPromotable(member))
    .map((member) => member.name)
    .toSorted();
  if (names.length === 0) {
    throw new CliError(`No candidates found to ${action} to`);
  }
  const isAsked = !change.isForced && invocation.text("--candidate") === null;
  const candidate = isAsked
    ? await promptText(session.context, `Candidate ${textForm(names)}`, "")
    : invocation.text("--candidate") ?? "";
  if (candidate === "") {
    if (action === "switchover") return null;
    throw new CliError(
      "Failover could be performed only to a specific candidate",
    );
  }
  if (candidate === leader) {
    throw new CliError(
      `Member ${candidate} is already the leader of cluster ${scope.name}`,
    );
  }
  if (!names.includes(candidate)) {
    throw new CliError(
      `Member ${candidate} does not exist in cluster ${scope.name} ` +
        "or is tagged as nofailover",
    );
  }
  await confirmAsynchronous(change, candidate);
  return candidate;
}

function isPromotable({ tags }: Member): boolean {
  return !tags.isNofailover && tags.failoverPriority > 0;
}

/** Row 7. */
async function confirmAsynchronous(
  { action, isForced, view, session }: Change,
  candidate: MemberName,
): Promise<void> {
  const mode = synchronousModeOf(view.config?.document ?? {});
  const isAtRisk = mode !== "off" && view.sync.leader !== null &&
    ![view.sync.leader, ...view.sync.standbys].some((name) =>
      name.toLowerCase() === candidate.toLowerCase()
    );
  if (action === "switchover" || isForced || !isAtRisk) return;
  const question =
    `Are you sure you want to failover to the asynchronous node ${candidate}?`;
  if (!await confirm(session.context, question)) {
    throw new CliError("Aborting failover");
  }
}

/** Row 8. */
async function chooseTime(change: Change): Promise<ScheduledTime | null> {
  const { isForced, invocation, session: { context }, view } = change;
  const nowMs = context.clock.wallTimeMs();
  const given = invocation.text("--scheduled");
  const isAsked = !isForced && given === null;
  const text = isAsked
    ? await promptText(
      context,
      "When should the switchover take place " +
        `(e.g. ${exampleTime(nowMs)} ) `,
      "now",
    )
    : given;
  const schedule = parseSchedule(text, nowMs);
  if (schedule !== null && isPausedIn(view.config?.document ?? {})) {
    throw new CliError("Can't schedule switchover in the paused state");
  }
  return schedule;
}

/** Row 9. */
async function confirmPlan(
  { action, scope, session }: Change,
  { leader, schedule }: Plan,
): Promise<void> {
  const demoting = leader === null ? "" : `, demoting current leader ${leader}`;
  const what = schedule === null
    ? `${action} cluster ${scope.name}${demoting}`
    : `schedule ${action} of cluster ${scope.name} at ${schedule.iso}${demoting}`;
  const question = `Are you sure you want to ${what}?`;
  if (await confirm(session.context, question)) return;
  const aborted = schedule === null ? action : `scheduled ${action}`;
  throw new CliError(`Aborting ${aborted}`);
}

/** Rows 10 to 12. */
async function execute(change: Change, plan: Plan): Promise<void> {
  const { action, session, scope } = change;
  const now = (): string => lineTimestamp(session.context.clock.wallTimeMs());
  try {
    const reply = await requestByRest(change, plan);
    if (reply.status !== 200 && reply.status !== 202) {
      const title = action === "switchover" ? "Switchover" : "Failover";
      print(
        session,
        `${title} failed, details: ${reply.status}, ${reply.body}`,
      );
      return;
    }
    print(session, `${now()} ${reply.body}`);
  } catch (error) {
    log(session, "ERROR", `No reply from the REST API: ${messageOf(error)}`);
    print(
      session,
      `${now()} Could not ${action} using Patroni api, falling back to DCS`,
    );
    await requestByKey(change, plan);
  }
  showTable(session, scope, await scope.read());
}

async function requestByRest(
  { action, session, view }: Change,
  { leader, candidate, schedule }: Plan,
): Promise<HttpReply> {
  const receiver = leader ?? candidate ?? "";
  const member = memberOf(view, receiver);
  if (member === null) throw new Error(`No member key of ${receiver}`);
  const body = {
    ...(action === "switchover" ? { leader } : {}),
    candidate,
    ...(schedule === null ? {} : { scheduled_at: schedule.iso }),
  };
  const call = { method: "POST", path: `/${action}`, body } as const;
  const reply = await callMember(session, member, call);
  const isOldServer = action === "switchover" && reply.status === 501 &&
    reply.body.includes(NOT_SUPPORTED);
  if (!isOldServer) return reply;
  return await callMember(session, member, { ...call, path: "/failover" });
}

/** A failover names no leader, else it would be read as a switchover. */
async function requestByKey(
  { action, scope }: Change,
  { leader, candidate, schedule }: Plan,
): Promise<void> {
  await scope.write({
    when: [],
    edits: [{
      kind: "put",
      key: "failover",
      value: encodeFailover({
        leader: action === "switchover" ? leader : null,
        candidate,
        scheduledAt: schedule?.iso ?? null,
      }),
      session: null,
    }],
  });
}
