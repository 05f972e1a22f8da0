import assert from "node:assert/strict";
import type { Dcs } from "../../lib/ports/dcs.ts";
import { ManualClock, settle } from "../helpers/manual_clock.ts";
import { KeptLog } from "../helpers/tcp.ts";
import { MemoryDcs } from "../sim/dcs_memory.ts";
import { MemoryStore } from "../sim/dcs_memory_store.ts";
import { RouteWatch } from "../../proxy/routes.ts";

const LIMITS = { timeoutMs: 1_000 };

async function rig(hasLocalLease: boolean) {
  const clock = new ManualClock();
  const store = new MemoryStore(clock);
  const dcs = new MemoryDcs(store, "/service/demo", { watchDelayMs: 0 });
  const writer: Dcs = new MemoryDcs(store, "/service/demo");
  const put = async (key: string, value: string): Promise<void> => {
    const edit = { kind: "put", key, value, session: null } as const;
    await writer.write({ when: [], edits: [edit] }, LIMITS);
  };
  const member = {
    conn_url: "postgres://127.0.0.1:5432/postgres",
    ...{ state: "running", role: "primary", xlog_location: 1000 },
  };
  await put("members/n1", JSON.stringify(member));
  await put("leader", "n1");
  const watch = new RouteWatch({
    ...{ dcs, clock, log: new KeptLog() },
    dcsTimeoutMs: 1_000,
    replicaLagBytesMax: 100,
    replicaLagMsMax: 30_000,
    memberName: "n1",
    zone: null,
    isReplicaFallback: false,
    isPoolerWanted: false,
    sealed: null,
    hasLocalLease: () => hasLocalLease,
    onRoutes: () => {},
  });
  const ending = new AbortController();
  const running = watch.run(ending.signal);
  await settle();
  const close = async (): Promise<void> => {
    ending.abort();
    await clock.advance(60_000);
    await running;
    await dcs.close();
    await writer.close();
  };
  const remove = async (...keys: readonly string[]): Promise<void> => {
    const edits = keys.map((key) => ({ kind: "delete", key } as const));
    await writer.write({ when: [], edits }, LIMITS);
  };
  return { clock, close, dcs, put, remove, watch };
}

/** Lets seconds pass, one by one, as retries need them. */
async function pass(clock: ManualClock, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) await clock.advance(1_000);
}

Deno.test("routes stay while the store is away, until the lease must have ended", async () => {
  const { clock, close, dcs, watch } = await rig(false);
  await pass(clock, 1);
  assert.equal(watch.routes.primary?.name, "n1");
  dcs.cutOff();
  watch.onReset();
  await pass(clock, 25);
  assert.equal(watch.health.kind, "unreachable");
  assert.equal(watch.routes.primary?.name, "n1");
  await pass(clock, 15);
  assert.equal(watch.routes.exclusions[0]?.reason, "lease_over");
  dcs.heal();
  await pass(clock, 3);
  assert.equal(watch.routes.primary?.name, "n1");
  await close();
});

Deno.test("routes stay for a leader that says itself that its lease lasts", async () => {
  const { clock, close, dcs, watch } = await rig(true);
  await pass(clock, 1);
  dcs.cutOff();
  watch.onReset();
  await pass(clock, 60);
  assert.equal(watch.routes.primary?.name, "n1");
  await close();
});

Deno.test("routes stay in failsafe mode and in pause", async () => {
  for (const setting of [{ failsafe_mode: true }, { pause: true }]) {
    const { clock, close, dcs, put, watch } = await rig(false);
    await put("config", JSON.stringify(setting));
    await pass(clock, 12);
    dcs.cutOff();
    watch.onReset();
    await pass(clock, 60);
    assert.equal(watch.routes.primary?.name, "n1", JSON.stringify(setting));
    await close();
  }
});

Deno.test("routes hold new clients for a switchover that is asked for, but not for ever", async () => {
  const { clock, close, put, watch } = await rig(false);
  await pass(clock, 1);
  await put("failover", JSON.stringify({ leader: "n1", member: "n2" }));
  await pass(clock, 1);
  assert.equal(watch.routes.exclusions[0]?.reason, "handover_requested");
  assert.equal(watch.routes.primaryResting?.name, "n1");
  await pass(clock, 30);
  assert.equal(watch.routes.primary?.name, "n1");
  await close();
});

Deno.test("routes leave a replica out that has been behind for long, until it has caught up", async () => {
  const { clock, close, dcs, put, watch } = await rig(false);
  const positions = async (leader: number, replica: number): Promise<void> => {
    await put("status", JSON.stringify({ optime: leader }));
    const member = {
      conn_url: "postgres://127.0.0.1:5433/postgres",
      ...{ state: "running", role: "replica", xlog_location: replica },
      replication_state: "streaming",
    };
    await put("members/n2", JSON.stringify(member));
  };
  await positions(2000, 2000);
  await pass(clock, 1);
  assert.deepEqual(watch.routes.replicas.map(({ name }) => name), ["n2"]);
  // Few bytes, but for ever longer.
  await positions(2010, 2000);
  await pass(clock, 25);
  assert.equal(watch.routes.replicas.length, 1);
  await pass(clock, 20);
  const found = watch.routes.exclusions.find(({ name }) => name === "n2");
  assert.equal(found?.reason, "lag_time_exceeds_maximum");
  assert.equal(watch.routes.resting[0]?.name, "n2");
  await positions(2020, 2010);
  await pass(clock, 1);
  assert.equal(watch.routes.replicas.length, 1);
  // A store that is away lets nobody fall behind.
  await positions(2030, 2020);
  await pass(clock, 1);
  dcs.cutOff();
  watch.onReset();
  await pass(clock, 25);
  assert.equal(watch.routes.replicas.length, 1);
  await close();
});

Deno.test("routes stay for who takes its keys to the next store, until the move ends", async () => {
  const { clock, close, put, remove, watch } = await rig(false);
  await put("migration", "{}");
  await pass(clock, 1);
  await remove("leader");
  assert.equal(watch.routes.primary?.name, "n1");
  await remove("members/n1");
  await pass(clock, 20);
  assert.equal(watch.routes.primary?.name, "n1");
  await remove("migration");
  await pass(clock, 1);
  assert.equal(watch.routes.primary, null);
  await close();
});
