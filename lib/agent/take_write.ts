/** The one write by which a lost leader's key changes hands. */
import type { SessionId } from "../core/base/units.ts";
import { pledgeKey } from "../core/codec/pledge_codec.ts";
import { encodeSync } from "../core/codec/sync_codec.ts";
import { encodeFencing, FENCING_KEY } from "../core/codec/fencing_codec.ts";
import type { FencedTake, Take } from "../core/model/takeover_decision.ts";
import type { DcsWrite } from "../ports/dcs.ts";
import { unchanged } from "./scope_write.ts";

/**
 * Every condition is a proof or somebody's objection: the term that the pledges
 * name, who votes and how many are needed, each promise that was counted, and
 * that nobody has paused the scope or switched takeover off.
 *
 * @param session Of the new leader; renewed just now.
 */
export function takeWrite(take: Take, session: SessionId): DcsWrite {
  const { leader, term, syncRevision, configRevision, pledges, sync } = take;
  return {
    when: [
      unchanged("leader", term),
      unchanged("sync", syncRevision),
      unchanged("config", configRevision),
      ...pledges.map(({ name, revision }) =>
        unchanged(pledgeKey(name), revision)
      ),
    ],
    edits: [
      { kind: "put", key: "leader", value: leader, session },
      {
        kind: "put",
        key: "sync",
        value: encodeSync({ leader, ...sync }),
        session: null,
      },
    ],
  };
}

/**
 * The same where the lost leader's host is off: the key that says so is a
 * condition in place of the promises, and keeps only what has happened. The sync
 * key stays as it is, as after any race.
 *
 * @param session Of the new leader; renewed just now.
 */
export function fencedTakeWrite(
  take: FencedTake,
  session: SessionId,
): DcsWrite {
  const { leader, term, syncRevision, configRevision, fencing, past } = take;
  return {
    when: [
      unchanged("leader", term),
      unchanged("sync", syncRevision),
      unchanged("config", configRevision),
      unchanged(FENCING_KEY, fencing),
    ],
    edits: [
      { kind: "put", key: "leader", value: leader, session },
      {
        kind: "put",
        key: FENCING_KEY,
        value: encodeFencing({ claim: null, past }),
        session: null,
      },
    ],
  };
}
