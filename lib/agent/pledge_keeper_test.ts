import assert from "node:assert/strict";
import {
  leaderObservation,
  observation,
} from "../../tests/helpers/builders.ts";
import { ManualClock } from "../../tests/helpers/manual_clock.ts";
import {
  emptied,
  SILENT,
  TAKEOVER_ON,
  TERM,
  voters,
} from "../../tests/helpers/pledge_builders.ts";
import { revision } from "../core/base/units.ts";
import { decide } from "../core/decide.ts";
import type { FailsafePing } from "../core/model/failsafe.ts";
import type { PledgeRecord } from "../core/model/pledge.ts";
import type { PledgeView } from "../core/model/pledge_view.ts";
import { FailsafeListener } from "./failsafe_listener.ts";
import { Memory } from "./memory.ts";
import { PledgeKeeper } from "./pledge_keeper.ts";
import { Startup } from "./startup.ts";
import { DcsRefusedError } from "../ports/errors.ts";
import { TakeoverActs } from "./takeover_acts.ts";

/** A member of a scope that n1 leads, and its disk. */
function scene(record: PledgeRecord) {
  const clock = new ManualClock();
  const disk = { record, isFull: false };
  const store = { isRefusing: false };
  const said: string[] = [];
  const say = (text: string): void => void said.push(text);
  const log = { debug: say, info: say, warning: say, error: say };
  const memory = new Memory();
  const inForce = { settings: TAKEOVER_ON.settings };
  const view = voters({ pledges: [emptied("n2")] });
  const config = () => ({ self: "n2", bootstrapDocument: null });
  const keeper: PledgeKeeper = new PledgeKeeper({
    clock,
    pulse: null,
    catchUp: { isDone: false },
    dcs: {
      capabilities: {
        ...{ hasTransactions: true, isSnapshotAtomic: true },
        ...{ expiry: "store", mayForget: false, ttlMinMs: 1 },
      },
    },
    listener: { leader: () => listener.leader() },
    pledge: {
      readRecord: () => Promise.resolve(disk.record),
      writeRecord: (next) => {
        if (disk.isFull) return Promise.reject(new Error("no space left"));
        disk.record = next;
        return Promise.resolve();
      },
      closeSource: () => Promise.reject(new Error("not asked here")),
    },
  });
  const consents = {
    load: () => Promise.resolve(null),
    save: () => Promise.resolve(),
  };
  const listener = new FailsafeListener({
    ...{ clock, log, memory, inForce, consents, config },
    pledge: keeper,
    right: { deadline: null },
    tasks: { view: { kind: "idle" } },
    last: { view },
    status: { observation: null },
  });
  const acts = new TakeoverActs({
    ...{ clock, log, keeper, listener, memory, inForce, config },
    keys: {
      writePledge: () =>
        store.isRefusing
          ? Promise.reject(new DcsRefusedError("etcd refused it"))
          : Promise.resolve("written"),
    },
    leases: { take: () => Promise.resolve("lost"), term: null },
    facts: { lease: () => ({ kind: "none" }) },
    store: { afresh: () => Promise.resolve({ kind: "reachable", view }) },
    budget: { leftMs: 1_000 },
    endFailsafe: () => {},
  });
  const startup = new Startup({
    ...{ clock, log, memory, consents, config, keeper },
    last: { view },
    peers: { isAlive: () => Promise.resolve(false) },
    inForce: { ...inForce, takeOver: () => Promise.resolve() },
    store: { first: () => Promise.resolve() },
    postgres: {
      observe: () => Promise.reject(new Error("not asked here")),
      server: null as never,
      settings: { loadDynamicConfig: () => Promise.resolve({}) } as never,
    },
  });
  return { acts, clock, disk, keeper, listener, said, startup, store, view };
}

/** What the next look of the keeper makes of a voter whose leader is silent. */
function ruling(pledge: PledgeView | null, as: "leader" | "voter") {
  const view = voters({ pledges: [emptied("n2")] });
  const seen = { ...TAKEOVER_ON, view };
  if (as === "leader") return decide(leaderObservation({ ...seen, pledge }));
  const heard = pledge === null
    ? null
    : { ...pledge, isViewFresh: true, sound: SILENT };
  return decide(observation({ ...seen, pledge: heard }));
}

const RECORDS: readonly (readonly [PledgeRecord, PledgeRecord])[] = [
  [{ kind: "none" }, { kind: "pledged", term: TERM }],
  [{ kind: "pledged", term: revision(9) }, { kind: "none" }],
  [{ kind: "missing" }, { kind: "behind" }],
  [{ kind: "behind" }, { kind: "none" }],
];

for (const [before, record] of RECORDS) {
  Deno.test(`a disk that takes no record "${record.kind}" keeps nobody from leading or following`, async () => {
    const { acts, disk, keeper, said } = scene(before);
    await keeper.look();
    disk.isFull = true;
    const kind = "write_pledge_record";
    const outcome = await acts.writeRecord({ kind, record, reason: "vetoed" });
    assert.deepEqual(outcome, { kind: "changed", changes: { pledge: null } });
    assert.equal(said.length, 1);
    assert.match(said.join(), /no space left/);
    assert.equal(await keeper.look(), null);
    assert.equal(ruling(keeper.view("as_seen"), "voter").rule, "R740");
    const leading = ruling(keeper.view("as_seen"), "leader");
    assert.ok(!leading.rule.startsWith("R41"), leading.rule);
  });
}

Deno.test("a disk that has room again takes the record half a minute later", async () => {
  const { acts, clock, disk, keeper } = scene({ kind: "none" });
  const record = { kind: "pledged", term: TERM } as const;
  const decision = {
    ...{ kind: "write_pledge_record", reason: "leader_suspected" } as const,
    record,
  };
  disk.isFull = true;
  await acts.writeRecord(decision);
  disk.isFull = false;
  await clock.advance(29_999);
  assert.equal(await keeper.look(), null);
  await clock.advance(1);
  const view = await keeper.look();
  assert.deepEqual(view?.record, { kind: "none" });
  assert.equal(ruling(view, "voter").decision.kind, "write_pledge_record");
  await acts.writeRecord(decision);
  assert.deepEqual((await keeper.look())?.record, record);
});

Deno.test("a restarted agent that has pledged agrees to no leader without store, from the first question on", async () => {
  const { listener, startup } = scene({ kind: "pledged", term: TERM });
  const ping: FailsafePing = {
    ...{ name: "n1", connUrl: "postgres://h1:1/x", apiUrl: "http://h1:2" },
    ...{ slots: {}, ttlMs: 30_000 },
  };
  await startup.run(new AbortController().signal);
  assert.deepEqual(await listener.accept(ping), {
    kind: "refused",
    why: "pledged",
  });
});

Deno.test("a store that refuses the entry is told of once, until it takes it", async () => {
  const { acts, keeper, said, store } = scene({ kind: "missing" });
  const decision = {
    ...{ kind: "write_pledge", reason: "record_missing" } as const,
    ...{ pledge: null, guard: null },
  };
  store.isRefusing = true;
  for (let cycle = 0; cycle < 3; cycle++) {
    await assert.rejects(acts.writeEntry(decision), DcsRefusedError);
  }
  assert.equal(keeper.areEntriesRefused, true);
  assert.equal(said.length, 1);
  assert.match(said.join(), /^The store refuses the key pledges\/n2: .*etcd/);
  store.isRefusing = false;
  await acts.writeEntry(decision);
  assert.equal(keeper.areEntriesRefused, false);
});
