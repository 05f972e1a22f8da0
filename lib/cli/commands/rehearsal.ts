/** `switchover --dry-run`: what a switchover would come to. Reads only. */
import { revision } from "../../core/base/units.ts";
import { visible } from "../../core/base/visible.ts";
import { readySuccessors } from "../../core/calc/lead/successors.ts";
import type { ClusterView } from "../../core/model/cluster_view.ts";
import type { MemberName } from "../../core/model/member.ts";
import type { PeerAnswer } from "../../core/model/peer_view.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { askMembers } from "../peer_answers.ts";
import { settingsOf } from "../replies.ts";
import { print, type Session, showTable, withCluster } from "../session.ts";
import { leaderPosition, takeoverVerdicts, type Verdict } from "../takeover.ts";
import { refusalText } from "../takeover_text.ts";

/**
 * Prints who would take over and why not the others.
 *
 * @throws {CliError} If nobody could.
 */
export async function rehearseSwitchover(
  invocation: Invocation,
  session: Session,
): Promise<void> {
  await withCluster(session, invocation, async (scope) => {
    const view = await scope.read();
    const leader = view.leader?.name ?? null;
    if (leader === null) throw new CliError("This cluster has no leader");
    const given = invocation.text("--leader") ?? leader;
    if (given !== leader) {
      throw new CliError(
        `Member ${given} is not the leader of cluster ${scope.name}`,
      );
    }
    const candidate = invocation.text("--candidate") || null;
    if (candidate === null && settingsOf(view).isPaused) {
      throw new CliError(
        "Switchover is possible only to a specific candidate in a paused state",
      );
    }
    print(session, "Current cluster topology");
    showTable(session, scope, view);
    const answers = await askMembers(session, view);
    const asked = { leader, candidate };
    const facts = { view, answers, asked };
    const winners = chosen(facts);
    for (const line of lines(facts, winners)) print(session, visible(line));
    if (winners.length > 0) {
      print(session, "Nothing was changed (dry run)");
      return;
    }
    throw new CliError("Nobody could take over, the switchover would fail");
  });
}

interface Facts {
  readonly view: ClusterView;
  readonly answers: readonly PeerAnswer[];
  readonly asked: {
    readonly leader: MemberName;
    readonly candidate: MemberName | null;
  };
}

/** Of a request that is nowhere in the store. */
const NOT_WRITTEN = revision("");

/** The leader goes only if somebody is ready; of these the race picks one. */
function chosen({ view, answers, asked }: Facts): readonly MemberName[] {
  const request = { ...asked, scheduledAt: null, revision: NOT_WRITTEN };
  const o = { self: asked.leader, settings: settingsOf(view) };
  const ready = readySuccessors(o, { ...view, failover: request }, {
    answers,
    limits: { requiredLsn: null, leaderLsn: leaderPosition(view, answers) },
  });
  if (asked.candidate !== null) return ready;
  const winners = takeoverVerdicts({ view, answers, isPlanned: true })
    .filter(({ kind }) => kind === "can")
    .map(({ name }) => name)
    .filter((name) => ready.includes(name));
  return winners.length > 0 ? winners : ready;
}

function lines(facts: Facts, winners: readonly MemberName[]): string[] {
  const { view, answers, asked } = facts;
  const verdicts = takeoverVerdicts({ view, answers, isPlanned: true });
  const unplanned = takeoverVerdicts({ view, answers, isPlanned: false });
  return verdicts.flatMap((verdict, index) => {
    const { name } = verdict;
    if (verdict.kind === "leads") return [`${name}: would step down`];
    if (winners.includes(name)) {
      const first = winners.length === 1
        ? "would take over"
        : `would take over, if it is first (as good: ${
          winners.filter((each) => each !== name).join(", ")
        })`;
      return [`${name}: ${first}`];
    }
    // Only an unplanned race knows about lag; only it is off in pause.
    const other = unplanned[index];
    const isMore = verdict.kind === "can" && other?.kind === "cannot" &&
      other.reason !== "paused";
    const why = whyNot(isMore ? other : verdict, asked);
    return [`${name}: would not take over: ${why}`];
  });
}

function whyNot(verdict: Verdict, asked: Facts["asked"]): string {
  const { candidate } = asked;
  if (verdict.kind === "cannot") return refusalText(verdict);
  return candidate === null || candidate === verdict.name
    ? "lag_exceeds_maximum - it is too far behind the leader"
    : `candidate_only - only ${candidate} was named`;
}
