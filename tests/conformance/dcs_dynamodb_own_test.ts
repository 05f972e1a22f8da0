/**
 * What the port does not say of every store, on DynamoDB's tables: which are
 * refused, which are made, how much they take, and one that was restored.
 */
import assert from "node:assert/strict";
import { DynamoDocumentStore } from "../../lib/adapters/dynamodb/store_dynamodb.ts";
import { moment } from "../../lib/core/base/units.ts";
import type { Dcs } from "../../lib/ports/dcs.ts";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";
import { DynaliteServer, SCOPE_TABLE } from "../helpers/dynalite.ts";
import { DynamoFront } from "../helpers/dynamo_front.ts";
import { RealClock } from "./dcs_clock.ts";
import { dynamoOptions, withDynamo } from "./dcs_dynamodb_access.ts";
import {
  contents,
  eventually,
  guardedPut,
  isRefused,
  LIMITS,
  put,
  SHORT_LIMITS,
} from "./dcs_fixture.ts";

const ABSENT = { kind: "absent" } as const;

async function missingTables(): Promise<void> {
  await using server = await DynaliteServer.start({
    ...{ table: null, createTableMs: 300 },
  });
  const { port } = server;
  await withDynamo(port, {}, async (dcs) => {
    const text =
      /has no table "matriarch": make it \(aws dynamodb create-table --table-name matriarch .*create_table: true/;
    await isRefused(dcs.readFresh(LIMITS), text);
    await isRefused(put(dcs, "config", "{}"), text);
  });
  await withDynamo(port, { isTableMade: true }, async (one) => {
    await withDynamo(port, { isTableMade: true }, async (two) => {
      const both = [put(one, "a", "1"), put(two, "b", "2")];
      assert.deepEqual((await Promise.all(both)).map(({ kind }) => kind), [
        ...["done", "done"],
      ]);
    });
    const { Table } = await server.ask("DescribeTable", {
      TableName: "matriarch",
    });
    assert.equal(Table.BillingModeSummary.BillingMode, "PAY_PER_REQUEST");
    await withDynamo(port, {}, async (dcs) => {
      assert.deepEqual(await contents(dcs), { a: "1", b: "2" });
      await server.ask("DeleteTable", { TableName: "matriarch" });
      await isRefused(dcs.readFresh(LIMITS), /has no table "matriarch"/);
      await isRefused(put(dcs, "a", "1"), /has no table "matriarch"/);
    });
    await eventually(
      () => put(one, "a", "2").then(() => true, () => false),
      () => "the table is not made anew",
    );
    assert.deepEqual(await contents(one), { a: "2" });
  });
}

async function otherTables(): Promise<void> {
  await using server = await DynaliteServer.start();
  const keyed = (name: string, keys: readonly string[], type: string) => ({
    ...SCOPE_TABLE,
    TableName: name,
    AttributeDefinitions: keys.map((AttributeName) => ({
      ...{ AttributeName, AttributeType: type },
    })),
    KeySchema: keys.map((AttributeName, index) => ({
      ...{ AttributeName, KeyType: index === 0 ? "HASH" : "RANGE" },
    })),
  });
  for (
    const [name, keys, type, text] of [
      ["other-key", ["id"], "S", /has the key id \(S, HASH\)/],
      ["other-type", ["scope"], "N", /has the key scope \(N, HASH\)/],
      [
        ...["two-keys", ["scope", "at"], "S"] as const,
        /has the key scope \(S, HASH\), at \(S, RANGE\)/,
      ],
    ] as const
  ) {
    await server.makeTable(keyed(name, keys, type));
    await withDynamo(server.port, {
      ...{ table: name, isTableMade: true },
    }, async (dcs) => {
      await isRefused(dcs.readFresh(LIMITS), text);
      await isRefused(dcs.openSession(20_000, LIMITS), /needs scope \(S, HASH/);
    });
  }
}

/** What the front makes of the table's description. */
function described(front: DynamoFront, more: () => object): void {
  front.answer = async ({ operation, forward }) => {
    if (operation !== "DescribeTable") return null;
    const { Table } = await (await forward()).json();
    return new Response(JSON.stringify({ Table: { ...Table, ...more() } }));
  };
}

async function globalTables(): Promise<void> {
  await using server = await DynaliteServer.start();
  await using front = new DynamoFront(server.endpoint);
  const replicas = { Replicas: [{ RegionName: "us-east-2" }] };
  for (
    const [more, text] of [
      [replicas, /is a global one \(us-east-2\), whose regions overwrite/],
      [{ GlobalTableVersion: "2017.11.29" }, /is a global one \(of version/],
      [{ TableStatus: "ARCHIVED" }, /"matriarch" is ARCHIVED/],
    ] as const
  ) {
    described(front, () => more);
    await withDynamo(front.port, {}, async (dcs) => {
      await isRefused(dcs.readFresh(LIMITS), text);
      await isRefused(put(dcs, "a", "1"), text);
    });
  }
  described(front, () => ({ TableStatus: "CREATING" }));
  await withDynamo(front.port, {}, async (dcs) => {
    const call = dcs.readFresh(LIMITS);
    await isRefused(call, /"matriarch" is CREATING/, DcsUnreachableError);
  });
  let isGlobal = false;
  described(front, () => isGlobal ? replicas : {});
  let offsetMs = 0;
  const clock = new class extends RealClock {
    override now() {
      return moment(super.now() + offsetMs);
    }
  }();
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  await withDynamo(front.port, { clock, warn }, async (dcs) => {
    await put(dcs, "a", "1");
    isGlobal = true;
    await put(dcs, "a", "2");
    assert.deepEqual(warnings, []);
    // All of its members write in one region: it may go on.
    for (let minutes = 6; minutes < 24; minutes += 6) {
      offsetMs = minutes * 60_000;
      assert.deepEqual(await contents(dcs), { a: "2" });
    }
    assert.equal(warnings.length, 1);
    assert.match(warnings.join(), /global one \(us-east-2\).*no agent starts/);
  });
}

async function sizes(): Promise<void> {
  await using server = await DynaliteServer.start();
  const options = dynamoOptions(server.port, {
    scopePath: `/service/${"ä".repeat(200)}`,
  });
  const store = new DynamoDocumentStore(options);
  try {
    const { era } = await store.load(LIMITS);
    const outcome = await store.save({
      ...{ seen: null, era, version: "999999999999999.0123456789abcdef" },
      text: "x".repeat(store.bytesMax),
    }, LIMITS);
    assert.equal(outcome, "saved");
    const { stored } = await store.load(LIMITS);
    assert.equal(stored?.text.length, store.bytesMax);
    assert.ok(store.bytesMax > 390_000);
  } finally {
    await store.close();
  }
  await withDynamo(server.port, {}, async (dcs) => {
    await put(dcs, "history", "[]");
    await isRefused(
      put(dcs, "history", "x".repeat(500_000)),
      /would take 500\d{3} bytes in DynamoDB at .*can have 409\d{3} at most/,
    );
    assert.deepEqual(await contents(dcs), { history: "[]" });
  });
}

async function oddItems(): Promise<void> {
  await using server = await DynaliteServer.start();
  await withDynamo(server.port, {}, async (dcs) => {
    await put(dcs, "config", "\u0000\ud800d");
    assert.deepEqual(await contents(dcs), { config: "\u0000\ud800d" });
    const item = await server.item();
    for (
      const [change, text] of [
        [{ document: '{"format":9}' }, /newer version of Matriarch/],
        [{ document: "[]" }, /is no document of Matriarch's/],
        [{ version: "x" }, /has no version of Matriarch's/],
      ] as const
    ) {
      const version = "7.00000000000000aa";
      await server.putItem({ ...item, version, ...change });
      await isRefused(dcs.readFresh(LIMITS), text);
      await isRefused(put(dcs, "config", "1"), text);
    }
    await server.putItem({ scope: "/service/batman", document: "{}" });
    await isRefused(dcs.readFresh(LIMITS), /has another form than ours/);
    await isRefused(put(dcs, "config", "1"), /has another form than ours/);
  });
}

/** Renews until it is given the lead; says what was said first. */
async function untilGiven(dcs: Dcs, ttlMs: number): Promise<string> {
  const { id: session } = await dcs.openSession(ttlMs, LIMITS);
  const said: string[] = [];
  await eventually(async () => {
    assert.equal(await dcs.renewSession(session, LIMITS), "alive");
    const bid = { value: "n2", guard: ABSENT, session };
    said.push((await guardedPut(dcs, "leader", bid)).kind);
    return said.at(-1) === "done";
  }, () => said);
  return said[0] ?? "";
}

async function restoredTables(): Promise<void> {
  const ttlMs = 4000;
  await using server = await DynaliteServer.start();
  const { port } = server;
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  await withDynamo(port, {}, (n1) =>
    withDynamo(port, { warn }, async (n2) => {
      const { id: one } = await n1.openSession(ttlMs, LIMITS);
      const backup = await server.item();
      const lead = { value: "n1", guard: ABSENT, session: one };
      assert.equal((await guardedPut(n1, "leader", lead)).kind, "done");
      assert.equal(await n1.renewSession(one, LIMITS), "alive");
      const renewed = performance.now();
      await server.ask("DeleteTable", { TableName: "matriarch" });
      await isRefused(n1.readFresh(LIMITS), /has no table/);
      await server.makeTable();
      await server.putItem(backup);
      assert.equal(await untilGiven(n2, ttlMs), "condition_failed");
      const heldMs = performance.now() - renewed;
      assert.ok(heldMs >= ttlMs, `given again after ${heldMs} ms`);
      assert.equal(await n1.renewSession(one, LIMITS), "gone");
    }));
  assert.match(warnings.join(), /nobody takes the lead for 4 s/);
  const { era } = await server.item();
  const { Table } = await server.ask("DescribeTable", {
    TableName: "matriarch",
  });
  assert.equal(era, Table.TableId);
}

async function readersAreFewEnough(): Promise<void> {
  await using server = await DynaliteServer.start();
  await using front = new DynamoFront(server.endpoint);
  const asked: Record<string, number> = {};
  front.answer = ({ operation }) => {
    asked[operation] = (asked[operation] ?? 0) + 1;
    return null;
  };
  await withDynamo(front.port, {}, async (dcs) => {
    const { id } = await dcs.openSession(20_000, LIMITS);
    await put(dcs, "a", "1");
    const before = { ...asked };
    assert.equal(await dcs.renewSession(id, LIMITS), "alive");
    await contents(dcs);
    // One put for a renewal, one get for a read, and the table looked at once.
    assert.deepEqual(asked, {
      DescribeTable: 1,
      GetItem: (before["GetItem"] ?? 0) + 1,
      PutItem: (before["PutItem"] ?? 0) + 1,
    });
    server.freeze();
    try {
      const call = dcs.renewSession(id, SHORT_LIMITS);
      await isRefused(call, /no answer in time/, DcsUnreachableError);
    } finally {
      server.thaw();
    }
    assert.equal(await dcs.renewSession(id, LIMITS), "alive");
  });
}

Deno.test(
  "a missing table is named, or made where that is wanted",
  missingTables,
);
Deno.test("a table with another key is refused", otherTables);
Deno.test("a table of several regions is refused", globalTables);
Deno.test("a scope that is too large is refused in one sentence", sizes);
Deno.test("an item that is not ours is refused", oddItems);
Deno.test("a restored table gives nobody the lead too early", restoredTables);
Deno.test("a call costs one request", readersAreFewEnough);
