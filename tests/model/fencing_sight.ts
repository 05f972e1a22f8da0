/**
 * What a member of the explored world observes, as the product's own rules take
 * it, and what they decide. Mistakes are planted here, at the side of the product.
 */
import { moment, revision } from "../../lib/core/base/units.ts";
import { decide } from "../../lib/core/decide.ts";
import type { Decision } from "../../lib/core/model/decision.ts";
import type { FencingClaim } from "../../lib/core/model/fencing.ts";
import type { ClusterView } from "../../lib/core/model/cluster_view.ts";
import type { Observation } from "../../lib/core/model/observation.ts";
import type { LongTask } from "../../lib/core/model/task_view.ts";
import {
  answer,
  leaderObservation,
  NOW,
  observation,
} from "../helpers/builders.ts";
import {
  CLAIM,
  ORDERS,
  scope,
  SETTINGS,
  TASK,
} from "../helpers/fencing_builders.ts";
import { ABLE, HEARD, SILENT } from "../helpers/pledge_builders.ts";
import { MEMORY } from "../helpers/rule_table.ts";
import type { Claim, FencingState, Index, Run } from "./fencing_state.ts";

/** Mistakes that the exploration must find. */
export type FencingMutant =
  /** A command that failed is taken for one that did its work. */
  | "failure_believed"
  /** What came of a command counts under whatever claim stands now. */
  | "outcome_of_any_claim"
  /** A claim counts in whatever term of that leader. */
  | "claim_of_any_term"
  /** The take does not name the leader key's revision. */
  | "take_without_term"
  /** Claims overwrite each other. */
  | "claim_without_guard"
  /** Nobody leaves a claim alone. */
  | "claim_never_stands"
  /** A leader that objects frees the claim, whose command may run. */
  | "veto_frees_claim"
  /** A claim of the term before holds nobody up, though its command may run. */
  | "old_claim_ignored";

const SILENT_MS = 2 * CLAIM.holdMs;
/** Past the time to object, and before a claim is too old to begin under. */
const DUE_MS = 1_000;
const OLD_MS = 20_000;

/** The name of a member. */
export function nameOf(at: Index): string {
  return `n${at + 1}`;
}

/** The member of that name. */
export function indexOf(name: string): Index {
  return Number(name.slice(1)) - 1;
}

/** What `at` decides now, with the store as it is. */
export function decided(
  state: FencingState,
  at: Index,
  { isHeard, planted }: {
    readonly isHeard: boolean;
    readonly planted: FencingMutant | null;
  },
): Decision {
  const o = state.leader === at
    ? leaderObservation({
      ...{ self: nameOf(at), settings: SETTINGS },
      view: viewOf(state, at, planted),
    })
    : followerSight(state, at, { isHeard, planted });
  return decide(o).decision;
}

function viewOf(
  state: FencingState,
  at: Index,
  planted: FencingMutant | null,
): ClusterView {
  const { leader, term, claim, revision: key } = state;
  const held = planted === "claim_of_any_term" && claim !== null
    ? { ...claim, term }
    : planted === "old_claim_ignored" && claim?.term !== term
    ? null
    : claim;
  return scope({
    leader: leader === -1 ? null : {
      name: nameOf(leader),
      isHeld: leader === at,
      revision: revision(term),
    },
    fencing: key === 0 ? null : {
      claim: held === null ? null : claimOf(held),
      past: [],
      revision: revision(key),
    },
  });
}

function claimOf(claim: Claim): FencingClaim {
  return {
    ...CLAIM,
    ...{ term: revision(claim.term), host: nameOf(claim.host) },
    ...{ by: nameOf(claim.by), attempt: claim.attempt, state: claim.state },
  };
}

function followerSight(
  state: FencingState,
  at: Index,
  { isHeard, planted }: {
    readonly isHeard: boolean;
    readonly planted: FencingMutant | null;
  },
): Observation {
  const self = state.hosts[at];
  const leader = nameOf(state.leader);
  const term = revision(state.term);
  const sound = { ...(isHeard ? HEARD : SILENT), leader, term };
  const isOver = state.isOver || planted === "claim_never_stands";
  const isOld = self?.claimed === "old";
  const seenMs = isOver ? SILENT_MS : isOld ? OLD_MS : DUE_MS;
  const ended = self?.ended ?? null;
  const isDone = ended?.isDone === true || planted === "failure_believed";
  const { takeover } = MEMORY;
  return observation({
    self: nameOf(at),
    ...{ settings: SETTINGS, fencing: { ...ORDERS, attemptsMax: 2 } },
    view: viewOf(state, at, planted),
    pledge: { ...ABLE, sound },
    peers: {
      kind: "asked",
      answers: state.hosts.flatMap(({ isUp, isPrimary }, other) =>
        other === at || !isUp
          ? []
          : [answer(nameOf(other), { isInRecovery: !isPrimary })]
      ),
    },
    task: self?.run == null
      ? { kind: "idle" }
      : { kind: "running", task: taskOf(self.run), startedAt: NOW },
    memory: {
      ...MEMORY,
      lastOutcome: ended === null ? null : {
        task: {
          ...taskOf(ended.run),
          ...(planted === "outcome_of_any_claim"
            ? { claim: revision(state.revision) }
            : {}),
        },
        result: isDone ? "done" : "failed",
        detail: "",
        endedAt: moment(NOW - 10_000),
      },
      takeover: {
        ...takeover,
        term,
        vetoes: self?.isResting === true
          ? { count: 9, lastAt: NOW }
          : takeover.vetoes,
        fencing: {
          seen: state.claim === null ? null : {
            revision: revision(state.revision),
            at: moment(NOW - seenMs),
          },
          claimedAt: self?.claimed === "none"
            ? null
            : moment(NOW - (isOld ? OLD_MS : DUE_MS) - 1),
        },
      },
    },
  });
}

function taskOf(run: Run): LongTask & { readonly kind: "fence" } {
  return {
    ...TASK,
    ...{ host: nameOf(run.host), term: revision(run.term) },
    ...{ attempt: run.attempt, claim: revision(run.claim) },
  };
}
