/** When a change of leader is told to the collector of traces, and as what. */
import assert from "node:assert/strict";
import { observation, unlocked } from "../../tests/helpers/builders.ts";
import { failoverRecord } from "../../tests/helpers/failover_record.ts";
import { ManualClock } from "../../tests/helpers/manual_clock.ts";
import { revision } from "../core/base/units.ts";
import { encodeFailovers } from "../core/codec/failovers_codec.ts";
import type { FailoverRecord } from "../core/model/failover.ts";
import type { MemberName } from "../core/model/member.ts";
import type { Observation } from "../core/model/observation.ts";
import type { EndedSpan } from "../core/model/span.ts";
import { FailoverTraces } from "./failover_traces.ts";

function scene() {
  const clock = new ManualClock();
  const told: EndedSpan[] = [];
  const traces = new FailoverTraces({
    clock,
    tracer: { tell: (root) => void told.push(root) },
    config: () => ({ scope: "main", self: "n2" as MemberName }),
  });
  return { clock, told, traces };
}

function storeWith(...records: readonly FailoverRecord[]): Observation {
  const text = encodeFailovers(records);
  const failovers = { text, revision: revision("9") };
  return observation({
    dcs: { kind: "reachable", view: { ...unlocked(), failovers } },
  });
}

const OWN = failoverRecord({ felt: [] });

Deno.test("failover traces: told once, when the proxies had time, with what they felt", async () => {
  const { clock, told, traces } = scene();
  traces.changed(OWN);
  traces.follow(storeWith(failoverRecord()));
  assert.equal(told.length, 0);
  await clock.advance(8_000);
  traces.follow(
    observation({
      dcs: { kind: "unreachable", since: clock.now(), detail: "" },
    }),
  );
  assert.equal(told.length, 0);
  traces.follow(storeWith(failoverRecord()));
  traces.follow(storeWith(failoverRecord()));
  traces.close();
  assert.equal(told.length, 1);
  assert.equal(told[0]?.children.length, 3);
});

Deno.test("failover traces: told by its own record if the store has it no more, or the agent ends", async () => {
  const { clock, told, traces } = scene();
  traces.changed(OWN);
  await clock.advance(8_000);
  traces.follow(storeWith());
  traces.changed({ ...OWN, term: "8" });
  traces.close();
  assert.deepEqual(told.map(({ children }) => children.length), [2, 2]);
  assert.deepEqual(
    told.map(({ attributes }) => attributes["matriarch.term"]),
    ["7", "8"],
  );
});
