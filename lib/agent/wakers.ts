/**
 * What wakes the loop before its time: changes in the store that concern this
 * member, and the death of the postmaster.
 */
import type { DcsChange } from "../ports/dcs.ts";
import { MEMBERS_PREFIX } from "../core/codec/cluster_view_codec.ts";
import type { AgentContext } from "./context.ts";

/** After the postmaster's end, and between looks for a new one. */
const LOOK_AGAIN_MS = 200;

/** Starts both wakers; they end with `signal`. Await the result at shutdown. */
export async function runWakers(
  context: AgentContext,
  signal: AbortSignal,
): Promise<void> {
  const { dcs, postgres, clock } = context.ports;
  dcs.watch({
    onChange: (change) => {
      if (concerns(context, change)) context.inbox.wake();
    },
    onReset: () => context.inbox.wake(),
  }, signal);
  while (!signal.aborted) {
    const startedAt = clock.now();
    await postgres.untilPostmasterEnds(signal);
    // At once means that none was running: no news.
    if (clock.now() - startedAt >= LOOK_AGAIN_MS) context.inbox.wake();
    await clock.sleep(LOOK_AGAIN_MS, signal);
  }
}

/** Source: docs/contract/dcs.md 5.4, plus members that join, whose slot the leader creates. */
function concerns(context: AgentContext, change: DcsChange): boolean {
  const { view, memory } = context.state;
  const self = context.config.self;
  if (change.key === "leader" || change.key === "config") return true;
  if (change.key === "failover") return view?.leader?.name === self;
  if (change.key.startsWith(MEMBERS_PREFIX)) {
    const name = change.key.slice(MEMBERS_PREFIX.length);
    const isNew = !(view?.members.some((member) => member.name === name));
    const isLeaders = name === view?.leader?.name;
    return name !== self &&
      (isNew || (isLeaders && memory.divergence !== "unsuspected"));
  }
  return false;
}
