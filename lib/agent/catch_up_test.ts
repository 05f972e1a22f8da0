import assert from "node:assert/strict";
import {
  HERE,
  observation,
  replica,
  stopped,
} from "../../tests/helpers/builders.ts";
import {
  ABLE,
  TAKEOVER_ON,
  voters,
} from "../../tests/helpers/pledge_builders.ts";
import { lsn, revision } from "../core/base/units.ts";
import type { Observation } from "../core/model/observation.ts";
import type { UpstreamView } from "../core/model/peer_view.ts";
import { CatchUp } from "./catch_up.ts";

function scene() {
  const leader = { at: lsn(HERE + 16n), asked: 0, timeline: 1 };
  const catchUp = new CatchUp({
    log: { debug: () => {} },
    neighbours: {
      addressOf: (name) => ({ name, host: "127.0.0.1", port: 5431 }),
    },
    postgres: {
      upstream: {
        ask: (): Promise<UpstreamView> => {
          leader.asked++;
          return Promise.resolve({
            ...{ kind: "answered", isInRecovery: false, systemId: "1" },
            ...{ timeline: leader.timeline, history: [] },
            ...{ endLsn: leader.at, localEnd: null },
          });
        },
      },
    },
  });
  return { catchUp, leader };
}

function behind(changes: Parameters<typeof observation>[0] = {}): Observation {
  return observation({
    view: voters(),
    ...TAKEOVER_ON,
    pledge: { ...ABLE, record: { kind: "behind" } },
    ...changes,
  });
}

const THERE = { postgres: replica({ receivedLsn: lsn(HERE + 16n) }) };

Deno.test("a filled member has caught up where its leader was when it was asked", async () => {
  const { catchUp, leader } = scene();
  await catchUp.look(behind());
  assert.equal(catchUp.isDone, false);
  leader.at = lsn(HERE + 99n);
  await catchUp.look(behind(THERE));
  assert.equal(catchUp.isDone, true);
  assert.equal(leader.asked, 1);
});

Deno.test("what was reached before a break counts for nothing", async () => {
  const task = { kind: "follow", upstream: "n1" } as const;
  const breaks: readonly Parameters<typeof behind>[0][] = [
    { postgres: stopped({ isStandby: true }) },
    { postgres: replica({ isStreaming: false }) },
    { ...THERE, task: { kind: "running", task, startedAt: behind().now } },
    { ...THERE, pledge: ABLE },
    { ...THERE, view: null },
  ];
  for (const broken of breaks) {
    const { catchUp, leader } = scene();
    await catchUp.look(behind(THERE));
    assert.equal(catchUp.isDone, true);
    await catchUp.look(behind(broken));
    assert.equal(catchUp.isDone, false);
    leader.at = lsn(HERE + 99n);
    await catchUp.look(behind(THERE));
    assert.equal(catchUp.isDone, false, "it has to get there again");
  }
});

Deno.test("another leader is asked anew", async () => {
  const { catchUp, leader } = scene();
  await catchUp.look(behind(THERE));
  leader.at = lsn(HERE + 99n);
  const next = { name: "n3", isHeld: false, revision: revision(11) };
  await catchUp.look(behind({ ...THERE, view: voters({ leader: next }) }));
  assert.equal(catchUp.isDone, false);
  assert.equal(leader.asked, 2);
});

Deno.test("a leader that named its old timeline while it was promoted is asked again", async () => {
  const { catchUp, leader } = scene();
  await catchUp.look(behind());
  leader.timeline = 2;
  const next = replica({ receivedLsn: lsn(HERE + 16n), timeline: 2 });
  await catchUp.look(behind({ postgres: next }));
  assert.equal(catchUp.isDone, true);
  assert.equal(leader.asked, 2);
});
