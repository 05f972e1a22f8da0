import assert from "node:assert/strict";
import { ManualClock } from "../tests/helpers/manual_clock.ts";
import { IdleWatch } from "./idle_watch.ts";
import { SessionMeter } from "./session_record.ts";

function watched(clientTimeoutMs: number, serverTimeoutMs: number) {
  const clock = new ManualClock();
  const watch = new IdleWatch(clock, { clientTimeoutMs, serverTimeoutMs });
  const meter = new SessionMeter({ sent: () => {}, received: () => {} });
  const ends: string[] = [];
  const session = { meter, onIdle: (end: string) => void ends.push(end) };
  watch.add(session);
  const pass = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 100) await clock.advance(100);
  };
  return { watch, meter, ends, session, pass };
}

Deno.test("IdleWatch ends a session whose client is silent when it is its turn", async () => {
  const { meter, ends, pass } = watched(2_000, 0);
  meter.sent(10);
  await pass(10_000);
  assert.deepEqual(ends, [], "the server has as long as it wants");
  meter.received(10);
  await pass(1_500);
  meter.sent(1);
  meter.received(1);
  await pass(1_500);
  assert.deepEqual(ends, []);
  await pass(2_000);
  assert.deepEqual(ends, ["client_timeout"]);
});

Deno.test("IdleWatch ends a session whose server is silent, once", async () => {
  const { meter, ends, pass } = watched(60_000, 1_000);
  meter.received(10);
  meter.sent(10);
  await pass(5_000);
  assert.deepEqual(ends, ["server_timeout"]);
});

Deno.test("IdleWatch forgets who has gone, and rests with nobody there", async () => {
  const { watch, session, ends, pass } = watched(1_000, 1_000);
  watch.remove(session);
  await pass(5_000);
  assert.deepEqual(ends, []);
  watch.add(session);
  await pass(2_000);
  assert.deepEqual(ends, ["server_timeout"]);
});
