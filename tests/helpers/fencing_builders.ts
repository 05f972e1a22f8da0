/** Builders for a member that has a fencing command: n2 follows n1, whose term is 10. */
import { moment, revision } from "../../lib/core/base/units.ts";
import type { ClusterView } from "../../lib/core/model/cluster_view.ts";
import type { FencingClaim, FencingKey } from "../../lib/core/model/fencing.ts";
import type { AgentMemory } from "../../lib/core/model/memory.ts";
import type { Observation } from "../../lib/core/model/observation.ts";
import {
  DEFAULT_SETTINGS,
  DEFAULT_TAKEOVER,
} from "../../lib/core/model/settings.ts";
import type { LongTask, TaskOutcome } from "../../lib/core/model/task_view.ts";
import {
  answer,
  cluster,
  leaderMember,
  member,
  NOW,
  observation,
} from "./builders.ts";
import { ABLE, SILENT, TERM } from "./pledge_builders.ts";
import { asked, MEMORY } from "./rule_table.ts";

/** Asynchronous, with takeover. */
export const SETTINGS = { ...DEFAULT_SETTINGS, takeover: DEFAULT_TAKEOVER };
/** Of whoever has a command. */
export const ORDERS = { timeoutMs: 20_000, attemptsMax: 3, hourlyMax: 6 };
/** Of the key that built scopes have. */
export const AT = revision("f-1");

/** n2 has the claim against n1. */
export const CLAIM: FencingClaim = {
  ...{ term: TERM, host: "n1", by: "n2", attempt: 1 },
  ...{ holdMs: 35_700, state: "claimed" },
};

/** The key with that claim, or none. */
export function key(
  claim: Partial<FencingClaim> | null,
  past: FencingKey["past"] = [],
): FencingKey {
  const whole = claim === null ? null : { ...CLAIM, ...claim };
  return { claim: whole, past, revision: AT };
}

/** n1 leads asynchronously; n2 and n3 have a fencing command. */
export function scope(changes: Partial<ClusterView> = {}): ClusterView {
  const ours = { pledging: "ready", fencing: "ready" } as const;
  return cluster({
    members: [
      leaderMember("n1", ours),
      member("n2", ours),
      member("n3", ours),
    ],
    ...changes,
  });
}

/** n2 has seen the claim, or made it, that long ago. */
export function remembering(
  { seenMs = 1_000, claimedMs = null, last = null }: {
    readonly seenMs?: number;
    readonly claimedMs?: number | null;
    readonly last?: TaskOutcome | null;
  },
  changes: Partial<AgentMemory> = {},
): Pick<Observation, "memory"> {
  const fencing = {
    seen: { revision: AT, at: moment(NOW - seenMs) },
    claimedAt: claimedMs === null ? null : moment(NOW - claimedMs),
  };
  const takeover = { ...MEMORY.takeover, term: TERM, fencing };
  return { memory: { ...MEMORY, takeover, lastOutcome: last, ...changes } };
}

/** What n2 sees, to which its leader is silent. */
export function fencer(
  changes: Parameters<typeof observation>[0] = {},
): Observation {
  return observation({
    view: scope(),
    settings: SETTINGS,
    fencing: ORDERS,
    pledge: { ...ABLE, sound: SILENT },
    memory: MEMORY,
    ...changes,
  });
}

/** n3 is as far. */
export const BOTH = asked(answer("n3"));
/** The claim of n2 stands, and nobody has objected in time. */
export const CLAIMED = {
  view: scope({ fencing: key({}) }),
  ...remembering({ claimedMs: 1_001 }),
};
/** The command under that claim. */
export const TASK: LongTask & { readonly kind: "fence" } = {
  ...{ kind: "fence", host: "n1", address: "127.0.0.1", term: TERM },
  ...{ attempt: 1, claim: AT, timeoutMs: 20_000 },
};
