/**
 * `explain`: why each member could or could not take over now, when the leader
 * last changed, and what would be lost. Reads only.
 */
import { storeCaution } from "../../config/stores/all.ts";
import { pythonJson } from "../../patroni/python_json.ts";
import {
  CLUSTER_ARGUMENT,
  type CommandDefinition,
  GROUP_OPTION,
} from "../definition.ts";
import { storeObstacleOf } from "../../core/calc/takeover/obstacles.ts";
import {
  type LossOutlook,
  lossOutlook,
} from "../../core/calc/takeover/outlook.ts";
import {
  decisiveAmong,
  type OwnObstacle,
} from "../../core/calc/takeover/own_obstacles.ts";
import {
  obstacleText,
  takeoverDocument,
  takeoverLine,
} from "../../core/obstacle_text.ts";
import { visible } from "../../core/base/visible.ts";
import type { ClusterView } from "../../core/model/cluster_view.ts";
import type { PeerAnswer } from "../../core/model/peer_view.ts";
import { encodeDecision } from "../../core/codec/decision_codec.ts";
import {
  leadChange,
  type LeadChangeTold,
} from "../../core/calc/lead/lead_end.ts";
import type { ToldDecision } from "../../core/model/told_decision.ts";
import { askExplained, decisionLine, newestDecisions } from "../decisions.ts";
import { leadEndText } from "../lead_end_text.ts";
import { DcsUnreachableError } from "../../ports/errors.ts";
import { CliError } from "../errors.ts";
import { askMembers } from "../peer_answers.ts";
import { settingsOf } from "../replies.ts";
import { print, type Scope, type Session, withCluster } from "../session.ts";
import {
  takeoverVerdicts,
  type Verdict,
} from "../../core/calc/lead/verdicts.ts";
import {
  lastChangeLine,
  lossLine,
  requestLine,
  verdictLine,
} from "../../core/verdict_text.ts";

/** `explain`. */
export const EXPLAIN_COMMAND: CommandDefinition = {
  name: "explain",
  isOwn: true,
  summary: "Say who could take over now, who not, and why",
  arguments: [CLUSTER_ARGUMENT],
  options: [GROUP_OPTION, {
    flags: ["--format", "-f"],
    value: ["text", "json"],
    help: "Output format",
  }],
  run: async (invocation, session) => {
    try {
      await withCluster(
        session,
        invocation,
        (scope) => explainScope(session, scope, invocation.text("--format")),
      );
    } catch (error) {
      if (!(error instanceof DcsUnreachableError)) throw error;
      throw new CliError(
        `${error.message.trimEnd()}\nNobody new can lead without the store, ` +
          "and where members are stands in it. Ask them at their REST ports: " +
          "GET /patroni tells the role, GET /explain the last decisions",
      );
    }
  },
};

async function explainScope(
  session: Session,
  scope: Scope,
  format: string | null,
): Promise<void> {
  const report = await reportOn(session, scope);
  if (format === "json") print(session, pythonJson(asDocument(report)));
  else for (const line of asLines(report)) print(session, visible(line));
}

/**
 * What `explain` says, line by line; text of others is not made visible yet.
 *
 * @throws {DcsUnreachableError} If the store does not answer in time.
 */
export async function explainTexts(
  session: Session,
  scope: Scope,
): Promise<readonly string[]> {
  return asLines(await reportOn(session, scope));
}

async function reportOn(session: Session, scope: Scope): Promise<Report> {
  const view = await scope.read();
  const [answers, explained] = await Promise.all([
    askMembers(session, view),
    askExplained(session, view),
  ]);
  const { decisions: told, obstacles: own } = explained;
  const verdicts = takeoverVerdicts({ view, answers, isPlanned: false });
  const outlook = lossOutlook({
    settings: settingsOf(view),
    view,
    storeObstacle: storeObstacleOf(scope.capabilities),
  });
  return {
    view,
    answers,
    verdicts,
    loss: lossLine(view, answers, verdicts),
    lastChange: lastChangeLine(view),
    request: requestLine(view),
    change: lastChange(view, told),
    newest: newestDecisions(told),
    caution: storeCaution(session.settings.dcs),
    outlook: {
      ...outlook,
      obstacles: [...outlook.obstacles, ...decisiveAmong(own, view)],
    },
    refused: own.filter(({ code }) => code === "pledges_refused"),
  };
}

interface Report {
  readonly view: ClusterView;
  readonly answers: readonly PeerAnswer[];
  readonly verdicts: readonly Verdict[];
  readonly loss: string;
  readonly lastChange: string;
  readonly request: string | null;
  /** How the lead last changed; null: it never did. */
  readonly change: LeadChangeTold | null;
  /** What each member decided last. */
  readonly newest: readonly ToldDecision[];
  /** What should be known of the store; null: nothing. */
  readonly caution: string | null;
  /** What would become of a leader that is lost now. */
  readonly outlook: LossOutlook;
  /** Who cannot follow because the store refuses what it has to take back. */
  readonly refused: readonly OwnObstacle[];
}

function asLines(report: Report): readonly string[] {
  const { view, answers, verdicts, change, newest, request } = report;
  const { synchronousMode, isPaused, ttlMs } = settingsOf(view);
  const leader = view.leader?.name ?? "nobody";
  const hasOwnLine = view.leader === null ||
    verdicts.some(({ name }) => name === leader);
  return [
    `Leader: ${leader}; synchronous mode: ${synchronousMode}` +
    (isPaused ? "; maintenance mode: on" : ""),
    ...(hasOwnLine ? [] : [`${leader}: leads, but it has no member key`]),
    ...(verdicts.length === 0 ? ["There are no members"] : []),
    ...verdicts.map((verdict) => verdictLine(verdict, answers, ttlMs)),
    report.loss,
    takeoverLine(report.outlook),
    ...report.refused.map(obstacleText),
    report.lastChange,
    ...(change === null ? [] : [`  ${leadEndText(change.end)}`]),
    ...changeDecisions(change).map(decisionLine),
    ...(newest.length === 0 ? [] : ["Last decision of each member:"]),
    ...newest.map(decisionLine),
    ...(request === null ? [] : [request]),
    ...(report.caution === null ? [] : [report.caution]),
  ];
}

function lastChange(
  view: ClusterView,
  told: readonly ToldDecision[],
): LeadChangeTold | null {
  const { history, leader } = view;
  if (history === null || history.length === 0) return null;
  return leadChange(told, {
    winner: leader?.name ?? history.at(-1)?.newLeader ?? null,
    before: history.at(-2)?.newLeader ?? null,
    previousAt: utcOf(history.at(-2)?.timestamp ?? ""),
  });
}

/** The same moment as decisions write it; null if the text is no time. */
function utcOf(timestamp: string): string | null {
  const time = Date.parse(timestamp);
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

/** The last step down and the bid that won after it, as far as they are told. */
function changeDecisions(
  change: LeadChangeTold | null,
): readonly ToldDecision[] {
  if (change === null) return [];
  const { end, taken } = change;
  return [
    ...(end.kind === "given" ? [end.decision] : []),
    ...(taken === null ? [] : [taken]),
  ];
}

function asDocument(report: Report): Readonly<Record<string, unknown>> {
  const { view, verdicts, answers, loss, lastChange, request, change } = report;
  const { ttlMs } = settingsOf(view);
  return {
    members: verdicts.map((verdict) => {
      const text = verdictLine(verdict, answers, ttlMs);
      return asObject(verdict, text);
    }),
    loss,
    takeover: takeoverDocument(report.outlook),
    last_change: lastChange,
    lead_end: change === null
      ? null
      : { kind: change.end.kind, text: leadEndText(change.end) },
    change_decisions: changeDecisions(change).map(asTold),
    last_decisions: report.newest.map(asTold),
    request,
    caution: report.caution,
    refused: report.refused.map(obstacleText),
  };
}

function asTold(told: ToldDecision): Readonly<Record<string, unknown>> {
  return { member: told.member, ...encodeDecision(told) };
}

function asObject(
  verdict: Verdict,
  text: string,
): Readonly<Record<string, unknown>> {
  const { name, kind } = verdict;
  if (kind !== "cannot") return { name, verdict: kind, text };
  const { reason, facts } = verdict;
  return { name, verdict: kind, reason, facts, text };
}
