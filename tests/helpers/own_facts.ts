/** What a member tells the cluster page. */
import type { OwnFacts } from "../../lib/ui/own_facts.ts";

/** What the member behind the page says of itself. */
export const OWN_FACTS: OwnFacts = {
  version: "0.1.0",
  proxy: { version: "0.1.0", sessions: 3, held: 1, isFenceArmed: true },
  watchdog: "active",
  vips: [{ address: "10.0.0.9", isCarried: true }],
  store: {
    kind: "etcd3",
    lastMs: 2,
    failures: 0,
    seenAtMs: 1_000,
    nodes: [
      { address: "10.0.0.1:2379", answerMs: 2, isLeader: true },
      { address: "10.0.0.2:2379", answerMs: null, isLeader: false },
    ],
  },
  ...{ upstream: null, isUpstreamTold: false },
  decision: "no action",
};
