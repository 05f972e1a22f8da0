/**
 * `explain`: why each member could or could not take over now, when the leader
 * last changed, and what would be lost. Reads only.
 */
import {
  CLUSTER_ARGUMENT,
  type CommandDefinition,
  GROUP_OPTION,
} from "../definition.ts";
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
  run: (invocation, session) =>
    withCluster(
      session,
      invocation,
      (scope) => explainScope(session, scope, invocation.text("--format")),
    ),
};

async function explainScope(
  session: Session,
  scope: Scope,
  format: string | null,
): Promise<void> {
  const view = await scope.read();
  const answers = await askMembers(session, view);
  const verdicts = takeoverVerdicts({ view, answers, isPlanned: false });
  const loss = lossLine(view, answers, verdicts);
  const lastChange = lastChangeLine(view);
  const request = requestLine(view);
  if (format === "json") {
    const members = verdicts.map(asObject);
    const document = { members, loss, last_change: lastChange, request };
    print(session, jsonText(document));
    return;
  }
  const mode = settingsOf(view).synchronousMode;
  const leader = view.leader?.name ?? "nobody";
  print(session, `Leader: ${leader}; synchronous mode: ${mode}`);
  for (const verdict of verdicts) print(session, verdictLine(verdict));
  print(session, loss);
  print(session, lastChange);
  if (request !== null) print(session, request);
}

function asObject(verdict: Verdict): Readonly<Record<string, unknown>> {
  const { name, kind } = verdict;
  if (kind !== "cannot") return { name, verdict: kind };
  const { reason, facts } = verdict;
  return { name, verdict: kind, reason, facts, text: verdictLine(verdict) };
}
