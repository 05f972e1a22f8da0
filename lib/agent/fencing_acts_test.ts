/** What a member remembers of its claim, whatever the store answers. */
import assert from "node:assert/strict";
import {
  CLAIM,
  scope,
  SETTINGS,
  TASK,
} from "../../tests/helpers/fencing_builders.ts";
import { ManualClock } from "../../tests/helpers/manual_clock.ts";
import type { FencingClaim, FencingReason } from "../core/model/fencing.ts";
import {
  CancelledError,
  DcsRefusedError,
  DcsUnreachableError,
} from "../ports/errors.ts";
import type { FencingCommand, FencingOrder } from "../ports/fencing.ts";
import { FencingActs } from "./fencing_acts.ts";
import { Memory } from "./memory.ts";

type Answer = () => Promise<"written" | "conflict">;

function scene(fencing: FencingCommand | null = null) {
  const clock = new ManualClock();
  const memory = new Memory();
  const said: string[] = [];
  const say = (text: string): void => void said.push(text);
  const store = { answer: (() => Promise.resolve("written")) as Answer };
  const acts = new FencingActs({
    ...{ clock, memory, fencing },
    log: { info: say, warning: say },
    keeper: { view: () => null },
    keys: { writeFencing: () => store.answer() },
    leases: { take: () => Promise.resolve("lost" as const) },
    facts: { lease: () => ({ kind: "none" }) },
    store: {
      afresh: () => Promise.resolve({ kind: "reachable", view: scope() }),
    },
    budget: { leftMs: 1_000 },
    inForce: { settings: SETTINGS },
    config: () => ({ self: "n2", scope: "main" }),
    endFailsafe: () => undefined,
  });
  const write = (
    reason: FencingReason,
    claim: FencingClaim | null = CLAIM,
  ) =>
    acts.write({
      kind: "write_fencing",
      reason,
      write: {
        ...{ claim, past: [], guard: null, term: null, configRevision: null },
      },
    });
  const remembered = () => memory.now.takeover;
  return { acts, clock, said, store, write, remembered };
}

Deno.test("a claim counts from before it was sent, and only if it stands", async () => {
  const { clock, store, write, remembered } = scene();
  const sentAt = clock.now();
  store.answer = async () => {
    await clock.advance(400);
    return "written";
  };
  await write("leader_suspected");
  assert.equal(remembered().fencing.claimedAt, sentAt);
  await write("host_fenced", { ...CLAIM, state: "fenced" });
  assert.equal(remembered().fencing.claimedAt, null);
  await write("leader_suspected");
  store.answer = () => Promise.resolve("conflict");
  await write("attempt_failed");
  assert.equal(remembered().fencing.claimedAt, null);
});

Deno.test("a claim without an answer is none", async () => {
  const { store, write, remembered } = scene();
  await write("leader_suspected");
  store.answer = () => Promise.reject(new DcsUnreachableError("time-out"));
  await assert.rejects(write("attempt_failed"), DcsUnreachableError);
  assert.equal(remembered().fencing.claimedAt, null);
  assert.equal(remembered().vetoes.count, 0);
});

Deno.test("after an objection, and where the store refuses the key, suspicion rests", async () => {
  const { acts, said, store, write, remembered } = scene();
  await write("vetoed", null);
  assert.equal(remembered().vetoes.count, 1);
  store.answer = () => Promise.reject(new DcsRefusedError("no permission"));
  await write("leader_suspected");
  assert.equal(remembered().vetoes.count, 2);
  assert.match(said.join(), /The store refuses the key fencing/);
  acts.rest();
  assert.equal(remembered().vetoes.count, 3);
});

Deno.test("the task runs the command against that host, for as long as it may", async () => {
  const orders: FencingOrder[] = [];
  const limits: number[] = [];
  const command: FencingCommand = {
    run: (order, { timeoutMs, signal }) => {
      orders.push(order);
      limits.push(timeoutMs);
      return signal.aborted
        ? Promise.reject(new CancelledError("fencing"))
        : Promise.resolve();
    },
  };
  const ending = new AbortController();
  const { acts, said } = scene(command);
  await acts.bodyOf(TASK)(ending.signal);
  assert.deepEqual(orders, [{
    ...{ scope: "main", host: "n1", address: "127.0.0.1", by: "n2" },
    ...{ attempt: 1, reason: "leader_suspected" },
  }]);
  assert.deepEqual(limits, [20_000]);
  assert.match(said.join(), /Fencing n1.*n1 is fenced/);
  ending.abort();
  await assert.rejects(acts.bodyOf(TASK)(ending.signal), CancelledError);
  const none = scene().acts.bodyOf(TASK)(ending.signal);
  await assert.rejects(none, /no fencing command is configured/);
});
