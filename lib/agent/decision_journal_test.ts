/** What the journal keeps, counts and forgets. */
import assert from "node:assert/strict";
import { bid, renewal } from "../../tests/helpers/builders.ts";
import type { Ruling } from "../core/decide.ts";
import { DecisionJournal } from "./decision_journal.ts";

function waiting(position: number): Ruling {
  const facts = { position };
  return {
    rule: "R590",
    decision: { kind: "wait", reason: "leading", facts, againInMs: null },
  };
}

const BID: Ruling = {
  rule: "R490",
  decision: bid("healthiest"),
};

Deno.test("journal: repeats are counted, with the last facts", () => {
  const journal = new DecisionJournal();
  for (let at = 1; at <= 3; at++) journal.note(waiting(at), at);
  const [entry, ...rest] = journal.entries();
  assert.deepEqual(rest, []);
  assert.deepEqual(entry, {
    facts: { position: 3 },
    ruling: waiting(3),
    firstAtMs: 1,
    lastAtMs: 3,
    count: 3,
  });
});

Deno.test("journal: deeds outlive any number of waits, routine is left out", () => {
  const journal = new DecisionJournal();
  journal.note(BID, 1);
  for (let at = 2; at < 500; at++) {
    const { decision } = waiting(at);
    journal.note({ rule: at % 2 === 0 ? "R590" : "R580", decision }, at);
    journal.note(
      { rule: "R500", decision: renewal() },
      at,
    );
  }
  const entries = journal.entries();
  assert.equal(entries.length, 51);
  assert.equal(entries[0]?.ruling, BID);
  assert.equal(entries.at(-1)?.lastAtMs, 499);
  const kinds = entries.map(({ ruling }) => ruling.decision.kind);
  assert.ok(!kinds.includes("renew_lease"));
});
