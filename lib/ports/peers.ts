/** The other members' REST APIs, as far as the agent itself calls them. */
import type { Member } from "../core/model/member.ts";
import type { PeerAnswer } from "../core/model/peer_view.ts";

/** Asks peers; all in parallel, 2 s each, no retry. Never throws. */
export interface Peers {
  ask(members: readonly Member[]): Promise<readonly PeerAnswer[]>;
  /** GET /liveness of a member key with the own name: any HTTP answer within 3 s is "alive". */
  isAlive(apiUrl: string): Promise<boolean>;
}
