/** The other members' REST APIs, as far as the agent itself calls them. */
import type {
  FailsafeAnswer,
  FailsafeMember,
  FailsafePing,
} from "../core/model/failsafe.ts";
import type { Member } from "../core/model/member.ts";
import type { PeerAnswer } from "../core/model/peer_view.ts";

/** What a leader without store tells the others. */
export interface FailsafeCall {
  readonly ping: FailsafePing;
  /** Of one attempt; there are two. */
  readonly timeoutMs: number;
}

/** Asks peers; all in parallel, 2 s each, no retry. Never throws. */
export interface Peers {
  ask(members: readonly Member[]): Promise<readonly PeerAnswer[]>;
  /** POST /failsafe to all at once; only the exact answer `Accepted` counts. */
  askFailsafe(
    members: readonly FailsafeMember[],
    call: FailsafeCall,
  ): Promise<readonly FailsafeAnswer[]>;
  /** GET /liveness of a member key with the own name: any HTTP answer within 3 s is "alive". */
  isAlive(apiUrl: string): Promise<boolean>;
}
