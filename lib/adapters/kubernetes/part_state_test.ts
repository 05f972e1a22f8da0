import assert from "node:assert/strict";
import { PartState } from "./part_state.ts";
import type { KubeObject } from "./wire.ts";

function object(name: string, version: bigint): KubeObject {
  return {
    ...{ name, version, annotations: {}, labels: {}, subsets: "[]" },
    ...{ uid: "", podIp: null, nodeName: null },
  };
}

function shown(state: PartState): readonly string[] {
  return [...state.objects.values()]
    .map(({ name, version }) => `${name}${version}`).toSorted();
}

function listed(): PartState {
  const state = new PartState(() => {});
  const items = [object("a", 3n), object("b", 4n)];
  assert.equal(state.takeList({ version: 5n, items }, null), "taken");
  return state;
}

Deno.test("an older word never replaces a newer one", () => {
  const state = listed();
  state.take(object("a", 9n));
  state.takeNext(object("a", 7n));
  assert.deepEqual(shown(state), ["a9", "b4"]);
  assert.equal(state.at, 7n);
  state.dropNext(object("a", 8n));
  assert.deepEqual(shown(state), ["a9", "b4"], "it was made again");
  state.dropNext(object("b", 9n));
  state.dropNext(object("a", 10n));
  assert.deepEqual(shown(state), []);
  state.takeNext(object("b", 10n));
  assert.deepEqual(shown(state), [], "the list was read after that");
});

Deno.test("a list leaves what is younger, and drops what it does not have", () => {
  const state = listed();
  state.take(object("c", 8n));
  const list = { version: 6n, items: [object("a", 6n)] };
  assert.equal(state.takeList(list, state.at), "taken");
  assert.deepEqual(shown(state), ["a6", "c8"]);
});

Deno.test("a list that was overtaken is asked for again", () => {
  const state = listed();
  const before = state.at;
  state.moveOn(9n);
  const list = { version: 6n, items: [] };
  assert.equal(state.takeList(list, before), "older");
  assert.deepEqual(shown(state), ["a3", "b4"]);
});

Deno.test("a store that was put back to its backup counts", () => {
  const state = listed();
  const list = { version: 2n, items: [object("a", 1n)] };
  assert.equal(state.takeList(list, state.at), "went_back");
  assert.deepEqual(shown(state), ["a1"]);
  assert.equal(state.at, 2n);
});
