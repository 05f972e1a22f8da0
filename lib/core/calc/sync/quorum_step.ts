/**
 * The next single change of quorum commit that is safe to make: the plan's first
 * step, held back while the sync key would not stay honest by it.
 */
import type { MemberName } from "../../model/member.ts";
import { isHonestWrite } from "./honest_key.ts";
import {
  isQuorumSafe,
  planQuorum,
  type QuorumInputs,
  type QuorumTransition,
} from "./quorum_plan.ts";

/** Like the plan's inputs, but by name who is confirmed. */
export type QuorumState = Omit<QuorumInputs, "confirmed"> & {
  readonly confirmed: readonly MemberName[];
};

/** Null: nothing is left to do now, or replicas must catch up first. */
export function nextQuorumStep(state: QuorumState): QuorumTransition | null {
  const { confirmed } = state;
  const [step] = planQuorum({ ...state, confirmed: confirmed.length });
  if (step === undefined) return null;
  const isAllowed = step.kind === "sync" ||
    isHonestWrite(state, step, confirmed);
  return isAllowed ? step : widened(state);
}

/**
 * Voters that stream again but are not among the names cannot be confirmed, and
 * those that could may be gone: without the former commits would wait for ever.
 */
function widened(state: QuorumState): QuorumTransition | null {
  const names = new Set(state.names);
  const back = state.voters.filter((name) =>
    state.active.includes(name) && !names.has(name)
  );
  const numsync = Math.min(state.numsync, names.size);
  if (back.length === 0 || numsync === 0) return null;
  const wider = [...names.union(new Set(back))].sort();
  return isQuorumSafe({ ...state, numsync, names: wider })
    ? { kind: "sync", numsync, names: wider }
    : null;
}
