/** Sentences about what members answered, shared by several commands. */
import { settingsIn } from "../core/codec/settings_codec.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { Member } from "../core/model/member.ts";
import type { ClusterSettings } from "../core/model/settings.ts";
import type { HttpReply } from "./context.ts";

/** `Failed: <what>, status code=<n>, (<body>)`. */
export function failureLine(what: string, reply: HttpReply): string {
  return `Failed: ${what}, status code=${reply.status}, (${reply.body})`;
}

/** The scope's settings as its members read them. */
export function settingsOf(view: ClusterView): ClusterSettings {
  return settingsIn(view);
}

/** How many seconds a member's cycle takes at most. */
export function loopWaitS(view: ClusterView): number {
  return settingsOf(view).loopWaitMs / 1000;
}

/** Members that can be called, the leader first. */
export function leaderFirst(view: ClusterView): readonly Member[] {
  const isLeader = ({ name }: Member): boolean => name === view.leader?.name;
  return view.members.filter(({ apiUrl }) => apiUrl !== null)
    .toSorted((a, b) => Number(isLeader(b)) - Number(isLeader(a)));
}
