/** What a leader and a voter remember of pledges. */
import assert from "node:assert/strict";
import { NOW } from "../../../tests/helpers/builders.ts";
import { standing, voters } from "../../../tests/helpers/pledge_builders.ts";
import {
  AT as AT_CLAIM,
  key,
  scope,
} from "../../../tests/helpers/fencing_builders.ts";
import { moment, revision } from "../base/units.ts";
import type { ClusterView } from "./cluster_view.ts";
import { NO_TAKEOVER, type TakeoverMemory } from "./pledge_view.ts";
import { rememberTakeover } from "./takeover_events.ts";

const AT = moment(NOW);
const LEADER = { name: "n1", isHeld: false };

function seen(standbys: readonly string[]) {
  const pledges = [standing("n2")];
  const sync = { ...voters().sync, standbys };
  const view = voters({ pledges, sync });
  return rememberTakeover(NO_TAKEOVER, { kind: "pledges_seen", at: AT, view });
}

Deno.test("rememberTakeover() remembers when a voter's pledge stood", () => {
  const { stoodAt, seen: entries } = seen(["n2", "n3"]);
  assert.equal(stoodAt, AT);
  assert.deepEqual(Object.keys(entries), ["n2"]);
});

Deno.test("rememberTakeover() leaves out who votes no more: nobody objects to it, and it may never come back", () => {
  const { stoodAt, seen: entries } = seen(["n3"]);
  assert.equal(stoodAt, null);
  assert.deepEqual(entries, {});
});

Deno.test("rememberTakeover() times a claim from when it was seen as it stands", () => {
  const at = (ms: number) => moment(NOW + ms);
  const look = (
    memory: TakeoverMemory,
    ms: number,
    { fencing, term = 10 }: Pick<ClusterView, "fencing"> & { term?: number },
  ) => {
    const leader = { ...LEADER, revision: revision(term) };
    const view = scope({ fencing, leader });
    return rememberTakeover(memory, { kind: "pledges_seen", at: at(ms), view });
  };
  const first = look(NO_TAKEOVER, 0, { fencing: key({}) });
  assert.deepEqual(first.fencing, {
    seen: { revision: AT_CLAIM, at: at(0) },
    claimedAt: null,
  });
  const own = rememberTakeover(first, { kind: "fencing_claimed", at: at(-1) });
  const later = look(own, 500, { fencing: key({}) });
  assert.deepEqual(later.fencing, { ...first.fencing, claimedAt: at(-1) });
  const changed = { ...key({}), revision: revision("f-2") };
  assert.deepEqual(
    look(later, 600, { fencing: changed }).fencing.seen,
    { revision: "f-2", at: at(600) },
  );
  assert.equal(look(later, 600, { fencing: key(null) }).fencing.seen, null);
  assert.equal(look(later, 600, { fencing: null }).fencing.seen, null);
  const next = look(later, 700, { fencing: key({}), term: 11 });
  assert.deepEqual(next.fencing, {
    seen: { revision: AT_CLAIM, at: at(700) },
    claimedAt: null,
  });
});
