import assert from "node:assert/strict";
import { DeskBench } from "../../tests/helpers/host_desk.ts";
import { FakeHost, PowerLoss } from "../../tests/helpers/setup_world.ts";
import { beginRotation, finishRotation, trustHashOf } from "./rotation.ts";
import { readScopeKeys, updateAuthority } from "./store_keys.ts";

const DIR = "/etc/matriarch/tls";

function partsOf(bench: DeskBench, host: FakeHost, self: string) {
  const { dcs, certificates } = bench;
  return { dcs, host, certificates, dir: DIR, scope: "main", self };
}

/** As if these members had taken over what the store trusts. */
async function trustAll(
  bench: DeskBench,
  host: FakeHost,
  names: readonly string[],
): Promise<void> {
  await updateAuthority(bench.dcs, (record) => {
    if (record === null) return { value: null, answer: null };
    const trust = trustHashOf(record, host);
    const state = { trust, issuer: record.hash, untilMs: 1, witness: null };
    const taken = Object.fromEntries(names.map((name) => [name, state]));
    return { value: { ...record, taken }, answer: null };
  });
}

Deno.test("wherever the plug is pulled, a rotation goes on, with one new authority", async () => {
  let isWhole = false;
  for (let changes = 0; !isWhole; changes++) {
    const bench = await DeskBench.open();
    const host = new FakeHost();
    const parts = partsOf(bench, host, "db2");
    host.changesLeft = changes;
    try {
      await beginRotation(parts);
      await trustAll(bench, host, ["db1", "db2"]);
      await finishRotation(parts);
      isWhole = true;
    } catch (error) {
      assert.ok(error instanceof PowerLoss);
    }
    host.changesLeft = Infinity;
    const before = (await readScopeKeys(bench.dcs)).authority;
    if (before?.holder !== "db2") {
      assert.equal((await beginRotation(parts)).kind, "done");
      await trustAll(bench, host, ["db1", "db2"]);
      const end = await finishRotation(parts);
      assert.equal(end.kind, "done", end.text);
    }
    const { authority } = await readScopeKeys(bench.dcs);
    assert.equal(authority?.holder, "db2");
    assert.equal(authority.next, null);
    assert.equal(authority.trusted.length, 2, `after ${changes} changes`);
    assert.equal(
      host.disk.get(`${DIR}/authority.pem`)?.text,
      authority.trusted.at(-1),
    );
    assert.match(host.disk.get(`${DIR}/authority.key`)?.text ?? "", /PRIVATE/);
  }
});

Deno.test("a rotation is not finished before all members trust the next authority", async () => {
  const bench = await DeskBench.open();
  const host = new FakeHost();
  const parts = partsOf(bench, host, "db1");
  assert.match((await finishRotation(parts)).text, /No rotation has begun/);
  await beginRotation(parts);
  await trustAll(bench, host, ["db1"]);
  await bench.dcs.write({
    when: [],
    edits: [{ kind: "put", key: "members/db2", value: "{}", session: null }],
  }, { timeoutMs: 1000 });
  const early = await finishRotation(parts);
  assert.equal(early.kind, "refused");
  assert.match(early.text, /^db2 cannot be seen to trust/);
  const other = partsOf(bench, new FakeHost("b"), "db2");
  for (const call of [beginRotation, finishRotation]) {
    assert.match((await call(other)).text, /db1/);
  }
});
