/** What a switchover would come to, for `switchover --dry-run` and the cluster page. */
import { revision } from "./base/units.ts";
import { readySuccessors } from "./calc/lead/successors.ts";
import {
  leaderPosition,
  takeoverVerdicts,
  type Verdict,
} from "./calc/lead/verdicts.ts";
import { settingsIn } from "./codec/settings_codec.ts";
import type { ClusterView } from "./model/cluster_view.ts";
import type { MemberName } from "./model/member.ts";
import type { PeerAnswer } from "./model/peer_view.ts";
import { refusalText } from "./verdict_text.ts";

/** Who is asked to go, and to whom. */
export interface RehearsalFacts {
  readonly view: ClusterView;
  readonly answers: readonly PeerAnswer[];
  readonly asked: {
    readonly leader: MemberName;
    readonly candidate: MemberName | null;
  };
}

/** Of a request that is nowhere in the store. */
const NOT_WRITTEN = revision("");

/** Who would take over, and what would become of each member, in lines. */
export function rehearsal(
  facts: RehearsalFacts,
): {
  readonly winners: readonly MemberName[];
  readonly lines: readonly string[];
} {
  const winners = chosen(facts);
  return { winners, lines: lines(facts, winners) };
}

/** The leader goes only if somebody is ready; of these the race picks one. */
function chosen(
  { view, answers, asked }: RehearsalFacts,
): readonly MemberName[] {
  const request = { ...asked, scheduledAt: null, revision: NOT_WRITTEN };
  const o = { self: asked.leader, settings: settingsIn(view) };
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

function lines(
  facts: RehearsalFacts,
  winners: readonly MemberName[],
): string[] {
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

function whyNot(verdict: Verdict, asked: RehearsalFacts["asked"]): string {
  const { candidate } = asked;
  if (verdict.kind === "cannot") return refusalText(verdict);
  return candidate === null || candidate === verdict.name
    ? "lag_exceeds_maximum - it is too far behind the leader"
    : `candidate_only - only ${candidate} was named`;
}
