/**
 * POST /switchover and /failover, DELETE /switchover: checks the request, writes
 * the failover key, wakes the loop and watches what comes of it.
 *
 * Source: docs/contract/rest-api.md 9.
 */
import {
  isPausedIn,
  isStandbyCluster,
  synchronousModeOf,
} from "../../core/calc/documents/cluster_document.ts";
import { unfitness } from "../../core/calc/lead/candidates.ts";
import type { Member } from "../../core/model/member.ts";
import type { ClusterView } from "../../core/model/cluster_view.ts";
import { guard } from "../access.ts";
import type { RestApp, RestContext } from "../context.ts";
import {
  judgeAnswers,
  judgeForm,
  judgeMembers,
  type ManualRequest,
  type Refusal,
  type ScopeModes,
} from "../manual_failover.ts";
import { PageProblem } from "../problems.ts";
import { mandatoryBody } from "../requests.ts";
import { checkBody, manualFailoverBody } from "../schemas.ts";

/** Patroni looks once a second; a switchover takes about as long. */
const POLL_INTERVAL_MS = 150;
const POLL_TIME_MIN_MS = 10_000;

/** Hangs the routes on the application. */
export function manualFailoverRoutes(
  app: RestApp,
  context: RestContext,
): void {
  for (const action of ["switchover", "failover"] as const) {
    app.post(`/${action}`, guard(context), async (c) => {
      const body = await mandatoryBody(c.req.raw);
      const checked = checkBody(manualFailoverBody, body);
      if (checked.kind === "invalid") {
        return context.replies.text(400, checked.text);
      }
      const { leader, candidate, member, scheduled_at } = checked.value;
      return await serve(context, {
        action,
        leader: leader || null,
        candidate: candidate || member || null,
        scheduledAt: scheduled_at || null,
      });
    });
  }
  app.delete("/switchover", guard(context), () => cancelSchedule(context));
}

async function serve(
  context: RestContext,
  asked: ManualRequest,
): Promise<Response> {
  const { api, replies } = context;
  const view = await api.scope.freshView();
  const modes = modesOf(context, view);
  const schedule = judgeForm(asked, modes, Date.now());
  if (schedule.kind === "refused") {
    return replies.text(schedule.refusal.status, schedule.refusal.text);
  }
  const request = withLeaderAsSwitchover(context, asked);
  if (schedule.iso === null) {
    const refusal = await membersRefusal(context, request, view);
    if (refusal !== null) return refusal;
  }
  const key = failoverKey(request, schedule.iso);
  if (!await isFailoverWritten(context, key)) {
    return replies.text(503, "failed to write failover key into DCS");
  }
  api.operator.wake();
  return schedule.iso === null
    ? await pollOutcome(context, request, view)
    : replies.text(202, "Switchover scheduled");
}

/** A failover that names the leader is a switchover, once its form was judged. */
function withLeaderAsSwitchover(
  { log }: RestContext,
  request: ManualRequest,
): ManualRequest {
  if (request.action === "switchover" || request.leader === null) {
    return request;
  }
  log.warning(
    "A failover request names the leader: it is served as a switchover",
  );
  return { ...request, action: "switchover" };
}

async function membersRefusal(
  context: RestContext,
  request: ManualRequest,
  view: ClusterView,
): Promise<Response | null> {
  const judged = judgeMembers(request, modesOf(context, view), view);
  const refusal = "ask" in judged
    ? await answersRefusal(context, request, judged.ask)
    : judged;
  if (refusal === null) return null;
  return context.replies.text(refusal.status, refusal.text);
}

/** The contract's text names no member, so the log says which one cannot and why. */
async function answersRefusal(
  { api, log }: RestContext,
  { action }: ManualRequest,
  members: readonly Member[],
): Promise<Refusal | null> {
  const answers = await api.scope.askPeers(members);
  const refusal = judgeAnswers(action, answers);
  if (refusal === null) return null;
  for (const answer of answers) {
    log.warning(`${action}: ${answer.name} cannot lead: ${unfitness(answer)}`);
  }
  return refusal;
}

async function isFailoverWritten(
  { api, log }: RestContext,
  key: Readonly<Record<string, string>>,
): Promise<boolean> {
  try {
    return await api.scope.writeFailover(key, null);
  } catch (error) {
    log.error("Cannot write the failover key for a REST request", { error });
    return false;
  }
}

function failoverKey(
  request: ManualRequest,
  scheduledAt: string | null,
): Readonly<Record<string, string>> {
  const { leader, candidate } = request;
  return {
    ...(leader === null ? {} : { leader }),
    ...(candidate === null ? {} : { member: candidate }),
    ...(scheduledAt === null ? {} : { scheduled_at: scheduledAt }),
  };
}

async function pollOutcome(
  context: RestContext,
  request: ManualRequest,
  before: ClusterView,
): Promise<Response> {
  const { api, replies } = context;
  const begun = api.glance();
  const limitMs = 2 * Math.max(POLL_TIME_MIN_MS, begun.settings.loopWaitMs);
  const roundsMax = Math.ceil(limitMs / POLL_INTERVAL_MS);
  for (let round = 0; round < roundsMax; round++) {
    if (api.glance().now - begun.now > limitMs) break;
    await api.sleep(POLL_INTERVAL_MS);
    const view = await viewOrNull(context);
    if (view === null) continue;
    const outcome = outcomeOf(request, before, view);
    if (outcome === null) continue;
    const ended = await endedText(context, request, before);
    return replies.text(outcome.status, `${outcome.text}${ended}`);
  }
  return replies.text(503, `${nameOf(request)} status unknown`);
}

/** Whom the old leader ended because they held up its stop; it tells in its status. */
async function endedText(
  { api }: RestContext,
  { action }: ManualRequest,
  before: ClusterView,
): Promise<string> {
  const old = before.members.find(({ name }) => name === before.leader?.name);
  if (action !== "switchover" || old === undefined) return "";
  const [answer] = await api.scope.askPeers([old]);
  if (answer?.kind !== "answered" || answer.endedReceivers.length === 0) {
    return "";
  }
  return `. ${old.name} ended what held up its stop: ` +
    `${answer.endedReceivers.join(", ")}. What was not confirmed is sent again`;
}

/** Read errors do not end the poll: the DCS may be electing its own leader. */
async function viewOrNull({ api }: RestContext): Promise<ClusterView | null> {
  try {
    return await api.scope.freshView();
  } catch {
    return null;
  }
}

function outcomeOf(
  request: ManualRequest,
  before: ClusterView,
  view: ClusterView,
): { readonly status: number; readonly text: string } | null {
  const { candidate } = request;
  const winner = view.leader?.name ?? null;
  const done = request.action === "switchover"
    ? "switched over"
    : "failed over";
  if (winner !== null && winner !== (before.leader?.name ?? null)) {
    const text = candidate === null || candidate === winner
      ? `Successfully ${done} to "${winner}"`
      : `${done.charAt(0).toUpperCase()}${done.slice(1)} to "${winner}"` +
        ` instead of "${candidate}"`;
    return { status: 200, text };
  }
  return view.failover === null
    ? { status: 503, text: `${nameOf(request)} failed` }
    : null;
}

function nameOf({ action }: ManualRequest): string {
  return action === "switchover" ? "Switchover" : "Failover";
}

async function cancelSchedule(context: RestContext): Promise<Response> {
  const { api, replies } = context;
  const { failover } = await api.scope.freshView();
  if (failover === null || failover.scheduledAt === null) {
    return replies.text(404, "no switchover is scheduled");
  }
  if (!await api.scope.writeFailover({}, failover.revision)) {
    throw new PageProblem(409);
  }
  return replies.text(200, "scheduled switchover deleted");
}

function modesOf({ api }: RestContext, view: ClusterView): ScopeModes {
  const { settings } = api.glance();
  const document = view.config?.document ?? null;
  if (document === null) {
    const isSynchronous = settings.synchronousMode === "on" &&
      !settings.isStandbyCluster;
    return { isPaused: settings.isPaused, isSynchronous };
  }
  return {
    isPaused: isPausedIn(document),
    isSynchronous: synchronousModeOf(document) === "on" &&
      !isStandbyCluster(document),
  };
}
