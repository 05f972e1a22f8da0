/** Stale nodes: the endpoints of these tests are never really called. */
import assert from "node:assert/strict";
import { ManualClock } from "../../../tests/helpers/manual_clock.ts";
import { DcsUnreachableError } from "../../ports/errors.ts";
import type { Attempt } from "./attempt.ts";
import { EtcdClient } from "./client.ts";
import type { TermHeader } from "./raft_terms.ts";

const LIMITS = { timeoutMs: 5000 };
const ENDPOINTS = ["http://127.0.0.1:1", "http://127.0.0.1:2"];

function header(term: number, cluster = "7"): TermHeader {
  return { cluster_id: cluster, raft_term: String(term) };
}

/** A client, and attempts that are answered with one header per attempt. */
function world(endpoints: readonly string[] = ENDPOINTS) {
  const clock = new ManualClock();
  const client = new EtcdClient({ endpoints, isProxied: true }, clock);
  const asked: (string | null)[] = [];
  const answering = (...headers: TermHeader[]): Attempt<string> => {
    const left = [...headers];
    return (_etcd, { witness }) => {
      asked.push(client.endpoint);
      const next = left.shift();
      if (next === undefined) return Promise.reject(new Error("no more"));
      witness(next);
      return Promise.resolve(`term ${next.raft_term}`);
    };
  };
  return { clock, client, asked, answering };
}

Deno.test("an answer of an older Raft term is rejected, another node asked", async () => {
  const { client, asked, answering } = world();
  await client.call(answering(header(5)), LIMITS);
  const answer = await client.call(answering(header(4), header(5)), LIMITS);
  assert.deepEqual([answer.value, answer.isRepeated], ["term 5", true]);
  assert.deepEqual(asked, [ENDPOINTS[0], ENDPOINTS[0], ENDPOINTS[1]]);
  assert.equal(client.departures, 1);
  client.close();
});

Deno.test("the same term and a higher one are accepted, on streams too", async () => {
  const { client, answering } = world();
  await client.call(answering(header(5)), LIMITS);
  await client.call(answering(header(5)), LIMITS);
  await client.call(answering(header(6)), LIMITS);
  assert.equal(client.departures, 0);
  assert.equal(client.isCurrent(header(5)), false);
  assert.equal(client.isCurrent(header(6)), true);
  client.close();
});

Deno.test("another cluster counts its terms anew", async () => {
  const { client, answering } = world();
  await client.call(answering(header(5)), LIMITS);
  await client.call(answering(header(2, "8")), LIMITS);
  await client.call(answering(header(3, "8")), LIMITS);
  assert.equal(client.departures, 0);
  client.close();
});

Deno.test("a store whose nodes all went back was restored: it is used again", async () => {
  const { clock, client, asked, answering } = world();
  await client.call(answering(header(5)), LIMITS);
  const calling = client.call(
    answering(header(2), header(2), header(2)),
    LIMITS,
  );
  await clock.advance(0);
  assert.equal(asked.length, 3);
  await clock.advance(100);
  assert.equal((await calling).value, "term 2");
  client.close();
});

Deno.test("a stale node alone among silent ones is not believed", async () => {
  const { clock, client, answering } = world();
  await client.call(answering(header(5)), LIMITS);
  let turn = 0;
  const stale = answering(...Array.from({ length: 99 }, () => header(2)));
  const attempt: Attempt<string> = (etcd, options) =>
    turn++ % 2 === 0
      ? stale(etcd, options)
      : Promise.reject(new Error("silent"));
  const calling = assert.rejects(
    client.call(attempt, LIMITS),
    DcsUnreachableError,
  );
  for (let ms = 0; ms < 10_000; ms += 100) await clock.advance(100);
  await calling;
  assert.ok(turn > 3);
  client.close();
});
