import assert from "node:assert/strict";
import { moment, type Revision, revision } from "../../base/units.ts";
import type { FedMessage } from "../../codec/route_feed_codec.ts";
import {
  type ClockLink,
  type FedView,
  hereOf,
  isNewer,
  newestView,
  noteArrival,
  withMessage,
} from "./fed_views.ts";

const LINK: ClockLink = { offsetMs: 1_000, notedAt: moment(1_000) };

function message(more: Partial<FedMessage>): FedMessage {
  return {
    ...{ kind: "some", scope: "demo", sentAt: 50, askedAt: 40 },
    ...{ set: [], gone: [], ...more },
  };
}

function leader(value: string, at: number | string) {
  return { key: "leader", value, revision: revision(`${at}`) };
}

function view(more: Partial<FedView>): FedView {
  return { entries: new Map(), era: 5n, asOf: moment(100), ...more };
}

function leaderOf(view: FedView | null): string | null {
  return view?.entries.get("leader")?.value ?? null;
}

Deno.test("withMessage() begins with all, and goes on with some", () => {
  assert.equal(withMessage(null, message({}), LINK), null);
  const all = message({ kind: "all", set: [leader("n1", 7)] });
  const first = withMessage(null, all, LINK);
  assert.deepEqual(
    [leaderOf(first), first?.era, first?.asOf],
    ["n1", 7n, 1_040],
  );
  const change = message({ set: [leader("n2", 9)], askedAt: 41 });
  const second = withMessage(first, change, LINK);
  assert.deepEqual(
    [leaderOf(second), second?.era, second?.asOf],
    ["n2", 9n, 1_041],
  );
  const loss = { key: "leader", revision: revision("11") };
  const third = withMessage(second, message({ gone: [loss] }), LINK);
  assert.deepEqual([leaderOf(third), third?.era], [null, 11n]);
  const again = withMessage(third, all, LINK);
  assert.deepEqual([leaderOf(again), again?.era], ["n1", 7n]);
});

Deno.test("withMessage() counts a change by its time where the store does not count", () => {
  const all = message({ kind: "all", set: [leader("n1", "a.1")] });
  const first = withMessage(null, all, LINK);
  assert.deepEqual([first?.era, first?.asOf], [null, 1_040]);
  const second = withMessage(
    first,
    message({ set: [leader("n2", "b.2")] }),
    LINK,
  );
  assert.deepEqual([second?.era, second?.asOf], [null, 1_050]);
});

Deno.test("isNewer() goes by the store's count, then by when it was asked", () => {
  const cases: readonly (readonly [Partial<FedView>, boolean])[] = [
    [{ era: 6n, asOf: moment(50) }, true],
    [{ era: 4n, asOf: moment(150) }, false],
    [{ era: 5n, asOf: moment(150) }, true],
    [{ era: 5n, asOf: moment(100) }, false],
    [{ era: null, asOf: moment(150) }, true],
    [{ era: 5n, asOf: null }, false],
  ];
  for (const [one, expected] of cases) {
    assert.equal(isNewer(view(one), view({})), expected, `${one.era}`);
  }
});

Deno.test("newestView() leaves out what the store has not backed for long", () => {
  const old = view({ era: 9n, asOf: moment(99) });
  const never = view({ era: 10n, asOf: null });
  const good = view({});
  assert.equal(newestView([old, never], moment(100)), null);
  assert.equal(newestView([old, good, never], moment(100)), good);
  assert.equal(newestView([good, old], moment(99)), old);
});

Deno.test("noteArrival() sees that a message was long on its way", () => {
  let link = noteArrival(null, { sentAt: 0, now: moment(1_003) });
  assert.equal(hereOf(link, 0), 1_003);
  link = noteArrival(link, { sentAt: 100, now: moment(1_101) });
  assert.equal(hereOf(link, 100), 1_101);
  // Frozen for five minutes between its clock and its socket.
  link = noteArrival(link, { sentAt: 200, now: moment(301_201) });
  assert.ok(hereOf(link, 200) < 1_600, `${hereOf(link, 200)}`);
});

Deno.test("a slow agent never undoes what another one has told", () => {
  const told = (value: string, at: Revision, askedAt: number) =>
    withMessage(
      null,
      message({
        kind: "all",
        askedAt,
        set: [{ key: "leader", value, revision: at }],
      }),
      LINK,
    );
  const [slow, quick] = [
    told("n1", revision("7"), 90),
    told("n2", revision("8"), 40),
  ];
  assert.ok(slow !== null && quick !== null);
  assert.equal(leaderOf(newestView([slow, quick], moment(0))), "n2");
});
