/**
 * What wakes the loop before its time: changes in the store that concern this
 * member, the death of the postmaster, and a leader that is silent.
 */
import { missedStandbys } from "../core/calc/sync/sync_gap.ts";
import { MEMBERS_PREFIX } from "../core/codec/cluster_view_codec.ts";
import { FENCING_KEY } from "../core/codec/fencing_codec.ts";
import { PLEDGES_PREFIX } from "../core/codec/pledge_codec.ts";
import type { MemberName } from "../core/model/member.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs, DcsChange } from "../ports/dcs.ts";
import type { PostgresWatch } from "../ports/postgres.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { Inbox } from "./inbox.ts";
import type { SeenScope } from "./last_view.ts";
import type { PulseDuty } from "./pulse_duty.ts";
import type { Observed } from "./loop_status.ts";
import type { Remembered } from "./memory.ts";

/** After the postmaster's end, and between looks for a new one. */
const LOOK_AGAIN_MS = 200;

/** What is watched, and who is woken. */
export interface WakerParts extends Concerns {
  readonly clock: Clock;
  readonly dcs: Pick<Dcs, "watch">;
  readonly postgres: Pick<PostgresWatch, "untilPostmasterEnds">;
  readonly inbox: Pick<Inbox, "wake">;
  readonly pulseDuty: Pick<PulseDuty, "run">;
}

/** What a change is judged by. */
interface Concerns {
  readonly config: () => { readonly self: MemberName };
  readonly last: SeenScope;
  readonly memory: Remembered;
  readonly status: Observed;
  readonly inForce: SettingsInForce;
}

/** Starts the wakers; they end with `signal`. Await the result at shutdown. */
export async function runWakers(
  parts: WakerParts,
  signal: AbortSignal,
): Promise<void> {
  const { dcs, postgres, clock, inbox, pulseDuty } = parts;
  const listening = pulseDuty.run(signal);
  dcs.watch({
    onChange: (change) => {
      if (concerns(parts, change)) inbox.wake();
    },
    onReset: () => inbox.wake(),
  }, signal);
  while (!signal.aborted) {
    const startedAt = clock.now();
    await postgres.untilPostmasterEnds(signal);
    // At once means that none was running: no news.
    if (clock.now() - startedAt >= LOOK_AGAIN_MS) inbox.wake();
    await clock.sleep(LOOK_AGAIN_MS, signal);
  }
  await listening;
}

/**
 * Source: docs/contract/dcs.md 5.4, plus members that join, whose slot the leader
 * creates, and those that it lacks as synchronous standbys.
 */
function concerns(
  { config, last: { view }, memory, status, inForce }: Concerns,
  change: DcsChange,
): boolean {
  const { self } = config();
  if (change.key === "leader" || change.key === "config") return true;
  // Somebody pledges, or objects: all of it is a matter of seconds.
  if (change.key.startsWith(PLEDGES_PREFIX)) return true;
  if (change.key === FENCING_KEY) return true;
  // Who votes now listens to its leader at once.
  if (change.key === "sync") {
    return inForce.settings.takeover !== null && view?.leader?.name !== self;
  }
  if (change.key === "failover") return view?.leader?.name === self;
  if (change.key.startsWith(MEMBERS_PREFIX)) {
    const name = change.key.slice(MEMBERS_PREFIX.length);
    const isNew = !(view?.members.some((member) => member.name === name));
    const isLeaders = name === view?.leader?.name;
    const { observation } = status;
    const isMissed = observation !== null &&
      missedStandbys(observation).includes(name);
    const isSuspected = memory.now.divergence !== "unsuspected";
    return name !== self && (isNew || isMissed || (isLeaders && isSuspected));
  }
  return false;
}
