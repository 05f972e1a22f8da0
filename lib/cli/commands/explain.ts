/**
 * `explain`: why each member could or could not take over now, when the leader
 * last changed, and what would be lost. Reads only.
 */
import {
  CLUSTER_ARGUMENT,
  type CommandDefinition,
  GROUP_OPTION,
} from "../definition.ts";
import type { ClusterView } from "../../core/model/cluster_view.ts";
import type { PeerAnswer } from "../../core/model/peer_view.ts";
import {
  askDecisions,
  decisionLine,
  lastChangeDecisions,
  newestDecisions,
  type ToldDecision,
} from "../decisions.ts";
import { DcsUnreachableError } from "../../ports/errors.ts";
import { CliError } from "../errors.ts";
import { jsonText } from "../output.ts";
import { askMembers } from "../peer_answers.ts";
import { settingsOf } from "../replies.ts";
import { print, type Scope, type Session, withCluster } from "../session.ts";
import { takeoverVerdicts, type Verdict } from "../takeover.ts";
import {
  lastChangeLine,
  lossLine,
  requestLine,
  verdictLine,
} from "../takeover_text.ts";

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
  const view = await scope.read();
  const [answers, told] = await Promise.all([
    askMembers(session, view),
    askDecisions(session, view),
  ]);
  const verdicts = takeoverVerdicts({ view, answers, isPlanned: false });
  const report: Report = {
    view,
    answers,
    verdicts,
    loss: lossLine(view, answers, verdicts),
    lastChange: lastChangeLine(view),
    request: requestLine(view),
    change: lastChangeDecisions(told, {
      winner: view.leader?.name ?? view.history?.at(-1)?.newLeader ?? null,
      previousAt: view.history?.at(-2)?.timestamp ?? null,
    }),
    newest: newestDecisions(told),
  };
  if (format === "json") print(session, jsonText(asDocument(report)));
  else for (const line of asLines(report)) print(session, line);
}

interface Report {
  readonly view: ClusterView;
  readonly answers: readonly PeerAnswer[];
  readonly verdicts: readonly Verdict[];
  readonly loss: string;
  readonly lastChange: string;
  readonly request: string | null;
  /** By which decisions the leader last changed. */
  readonly change: readonly ToldDecision[];
  /** What each member decided last. */
  readonly newest: readonly ToldDecision[];
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
    report.lastChange,
    ...givenByNobody(report),
    ...change.map(decisionLine),
    ...(newest.length === 0 ? [] : ["Last decision of each member:"]),
    ...newest.map(decisionLine),
    ...(request === null ? [] : [request]),
  ];
}

/** The old leader did not hand over, and its own agent can not say why. */
function givenByNobody({ view, change }: Report): readonly string[] {
  const [first] = change;
  const isFailover = (view.history?.length ?? 0) > 0 && change.length === 1 &&
    first?.decision === "acquire_lease";
  return isFailover
    ? [
      "  Nobody stepped down before, as far as who answers knows: the leader " +
      "key ran out (agent or host dead, frozen, or cut off from the store), " +
      "or that agent was restarted since",
    ]
    : [];
}

function asDocument(report: Report): Readonly<Record<string, unknown>> {
  const { view, verdicts, answers, loss, lastChange, request } = report;
  const { ttlMs } = settingsOf(view);
  return {
    members: verdicts.map((verdict) => {
      const text = verdictLine(verdict, answers, ttlMs);
      return asObject(verdict, text);
    }),
    loss,
    last_change: lastChange,
    change_decisions: report.change,
    last_decisions: report.newest,
    request,
  };
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
