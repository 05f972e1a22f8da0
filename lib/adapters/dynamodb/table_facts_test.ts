import assert from "node:assert/strict";
import type { TableDescription } from "@aws-sdk/client-dynamodb";
import { factsOf } from "./table_facts.ts";

const GOOD: TableDescription = {
  TableStatus: "ACTIVE",
  TableId: "7",
  KeySchema: [{ AttributeName: "scope", KeyType: "HASH" }],
  AttributeDefinitions: [{ AttributeName: "scope", AttributeType: "S" }],
};

Deno.test("a table is used, waited for or refused by its description", () => {
  const facts = (more: TableDescription) =>
    factsOf({ ...GOOD, ...more }, "scopes");
  const good = { id: "7", notNow: null, refusal: null, replicas: [] };
  assert.deepEqual(facts({}), good);
  assert.deepEqual(facts({ TableStatus: "UPDATING" }), good);
  assert.deepEqual(facts({ GlobalTableVersion: "2019.11.21" }), good);
  assert.deepEqual(facts({ TableStatus: "CREATING" }), {
    ...good,
    notNow: 'the table "scopes" is CREATING',
  });
  assert.deepEqual(facts({ TableStatus: "ARCHIVED" }), {
    ...good,
    refusal: 'the table "scopes" is ARCHIVED',
  });
  assert.deepEqual(
    facts({ Replicas: [{ RegionName: "eu-west-1" }, {}] })?.replicas,
    ["eu-west-1", "another region"],
  );
  for (
    const more of [
      { KeySchema: [] },
      { AttributeDefinitions: [] },
      { KeySchema: [{ AttributeName: "id", KeyType: "HASH" as const }] },
      { GlobalTableVersion: "2017.11.29" },
    ]
  ) {
    assert.ok(facts(more)?.refusal, JSON.stringify(more));
  }
  // Somebody else's answer.
  assert.equal(factsOf(undefined, "scopes"), null);
  assert.equal(factsOf({}, "scopes"), null);
});
