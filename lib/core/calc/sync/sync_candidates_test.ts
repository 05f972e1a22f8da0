import assert from "node:assert/strict";
import {
  cluster,
  HERE,
  leaderMember,
  member,
  primary,
  sender,
} from "../../../../tests/helpers/builders.ts";
import { lsn } from "../../base/units.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import { sortedCandidates } from "./sync_candidates.ts";

const FAR = lsn(HERE - 2_000n);

function candidates(
  commitPosition: "flushed" | "written" | "replayed",
  behind: {
    readonly writtenLsn?: typeof FAR;
    readonly replayedLsn?: typeof FAR;
  },
): readonly string[] {
  return sortedCandidates({
    self: "n1",
    settings: {
      ...DEFAULT_SETTINGS,
      synchronousMode: "on",
      maximumLagOnSyncnodeBytes: 1_000,
      commitPosition,
    },
    view: cluster({
      members: [leaderMember("n1"), member("n2"), member("n3")],
    }),
    postgres: primary({
      walSenders: [
        sender("n2", { syncState: "sync", ...behind }),
        sender("n3"),
      ],
    }),
    isWriteUncertain: false,
  }).map(({ member }) => member.name);
}

Deno.test("a standby whose replay is stuck lags where commits wait for the replay", () => {
  const stuck = { replayedLsn: FAR };
  assert.deepEqual(candidates("replayed", stuck), ["n3"]);
  assert.deepEqual(candidates("flushed", stuck), ["n2", "n3"]);
});

Deno.test("a standby that is slow to write lags where commits wait for the write", () => {
  const slow = { writtenLsn: FAR };
  assert.deepEqual(candidates("written", slow), ["n3"]);
  assert.deepEqual(candidates("flushed", slow), ["n2", "n3"]);
});
