/** Looks at members for people who watch, without a word in any log. */
import type { Member } from "../core/model/member.ts";
import type { PeerAnswer } from "../core/model/peer_view.ts";

/** What one member tells. */
export interface MemberLook {
  /** As a race would hear it. */
  readonly answer: PeerAnswer;
  /** Its own facts as it wrote them; null: it has no such page, as Patroni's members. */
  readonly factsText: string | null;
}

/** What one stand-alone proxy tells. */
export type ProxyLook =
  | {
    readonly kind: "answered";
    /** Host and port of its statistics. */
    readonly name: string;
    readonly version: string;
    readonly sessions: number;
    /** Clients that wait for a backend. */
    readonly held: number;
  }
  | {
    readonly kind: "silent";
    readonly name: string;
    readonly detail: string;
  };

/** Asks members. */
export interface Onlooker {
  /** Each within its own time limit, so many at once; never throws. In the members' order. */
  look(members: readonly Member[]): Promise<readonly MemberLook[]>;
}
