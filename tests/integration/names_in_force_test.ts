/**
 * synchronous_standby_names on real servers: what PostgreSQL shows is not what
 * commits obey. Each case stops the one synchronous standby and sees whether a
 * commit is acknowledged all the same; as long as one may be, the adapter must
 * not say that the names are in force.
 */
import assert from "node:assert/strict";
import type { PrimaryView } from "../../lib/core/model/postgres_view.ts";
import { type Lsn, parseLsn } from "../../lib/core/base/units.ts";
import { processFacts } from "../../lib/adapters/postgres/process/processes.ts";
import { skipReason } from "../helpers/skip_reason.ts";
import { step } from "../helpers/step.ts";
import {
  eventually,
  NEVER,
  sql,
  type TestInstance,
  TestWorld,
  untilRole,
} from "../helpers/postgres.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

interface Pair {
  readonly one: TestInstance;
  readonly two: TestInstance;
}

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "names count once they are in force, not once they are shown",
    // The driver's connections close a little after the test.
    sanitizeResources: false,
    sanitizeOps: false,
    fn: async (t) => {
      await using world = new TestWorld();
      const pair = await newPair(world);
      await step(t, "an idle pair: at once", () => idle(pair));
      await step(t, "a new agent proves it again", () => adopted(world, pair));
      await step(t, "a checkpointer without processor", () => noTurn(pair));
      await step(t, "a checkpointer in its fsyncs", () => slowFsync(pair));
      await step(t, "a checkpoint that takes its time", () => spread(pair));
      await step(t, "a replica, before its promotion", () => onReplica(pair));
    },
  });
});

async function newPair(world: TestWorld): Promise<Pair> {
  const [one, two] = [world.instance("one"), world.instance("two")];
  await one.postgres.data.bootstrap(NEVER);
  await sql(one.options, "CREATE TABLE t (i int)");
  await one.postgres.slots.apply({ create: ["two"], drop: [], advance: {} });
  await two.postgres.data.clone(one.peer, "two", NEVER);
  const mode = { kind: "standby", upstream: one.peer } as const;
  const started = await two.postgres.server.start(mode, 30_000, NEVER);
  assert.deepEqual(started, { kind: "running" });
  await untilStreaming(one);
  return { one, two };
}

async function untilStreaming({ postgres }: TestInstance): Promise<void> {
  await eventually(
    () => untilRole(postgres, "primary"),
    ({ walSenders }) => walSenders.some((s) => s.state === "streaming"),
  );
}

async function untilInForce(
  { postgres }: TestInstance,
): Promise<PrimaryView & { readonly namesInForceLsn: Lsn }> {
  const view = await eventually(
    () => untilRole(postgres, "primary"),
    ({ namesInForceLsn }) => namesInForceLsn !== null,
  );
  const { namesInForceLsn } = view;
  assert.ok(namesInForceLsn !== null);
  return { ...view, namesInForceLsn };
}

/** What PostgreSQL shows, and what an agent that believes it would take for proved. */
async function assertShown({ one }: Pair): Promise<void> {
  const view = await eventually(
    () => untilRole(one.postgres, "primary"),
    ({ walSenders }) => walSenders[0]?.syncState === "sync",
  );
  assert.equal(view.synchronousStandbyNames, "two");
  assert.equal(view.namesInForceLsn, null);
}

/** Inserts while the standby's receiver is frozen. */
async function insertAlone(
  { one, two }: Pair,
): Promise<"acknowledged" | "waits"> {
  const receiver = await pidOf(two, "walreceiver");
  Deno.kill(receiver, "SIGSTOP");
  let isOver = false;
  const insert = sql(one.options, "INSERT INTO t VALUES (1)")
    .finally(() => isOver = true);
  try {
    const isWaiting = await eventually(
      async () => isOver ? "over" : await syncWaits(one),
      (seen) => seen !== "none",
    );
    return isWaiting === "over" ? "acknowledged" : "waits";
  } finally {
    Deno.kill(receiver, "SIGCONT");
    await insert;
  }
}

async function syncWaits({ options }: TestInstance): Promise<"some" | "none"> {
  const rows = await sql(
    options,
    "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
  );
  return rows.length > 0 ? "some" : "none";
}

async function pidOf({ options }: TestInstance, type: string): Promise<number> {
  const rows = await eventually(
    () =>
      sql(
        options,
        `SELECT pid FROM pg_stat_activity WHERE backend_type = '${type}'`,
      ),
    (seen) => seen.length === 1,
  );
  return Number(rows[0]?.["pid"]);
}

async function checkpointerEvent({ options }: TestInstance): Promise<string> {
  const [row] = await sql(
    options,
    "SELECT wait_event FROM pg_stat_activity " +
      "WHERE backend_type = 'checkpointer'",
  );
  return String(row?.["wait_event"]);
}

/** Nobody is waited for, and that is in force: the next names must be read by the checkpointer. */
async function waitForNobody(pair: Pair): Promise<void> {
  await pair.one.postgres.settings.setSynchronousStandbys("");
  await eventually(
    () => insertAlone(pair),
    (seen) => seen === "acknowledged",
  );
}

async function idle(pair: Pair): Promise<void> {
  const { one } = pair;
  const before = await untilRole(one.postgres, "primary");
  assert.equal(before.namesInForceLsn, null, "users' names are not looked at");
  await one.postgres.settings.setSynchronousStandbys("two");
  const view = await untilInForce(one);
  assert.ok(view.namesInForceLsn > before.flushedLsn);
  const [sender] = view.walSenders;
  // Nothing else was written meanwhile, so the standby has all of it.
  assert.ok(sender?.flushedLsn != null);
  assert.ok(sender.flushedLsn >= view.namesInForceLsn);
  assert.equal(await insertAlone(pair), "waits");
  const later = await untilInForce(one);
  assert.equal(later.namesInForceLsn, view.namesInForceLsn, "it is kept");
}

async function adopted(world: TestWorld, { one }: Pair): Promise<void> {
  const before = await untilInForce(one);
  const next = world.adopt(one.options);
  const view = await untilInForce(next);
  assert.ok(view.namesInForceLsn > before.namesInForceLsn);
  await next.postgres.close();
}

/**
 * It was sent the signal, and shows that it is idle: it had no processor yet. A
 * loaded machine does that for a moment, SIGSTOP for as long as the test wants.
 */
async function noTurn(pair: Pair): Promise<void> {
  const { one } = pair;
  await waitForNobody(pair);
  const pid = await pidOf(one, "checkpointer");
  Deno.kill(pid, "SIGSTOP");
  try {
    await one.postgres.settings.setSynchronousStandbys("two");
    await assertShown(pair);
    assert.equal(await checkpointerEvent(one), "CheckpointerMain");
    assert.equal(await insertAlone(pair), "acknowledged");
    await assertShown(pair);
  } finally {
    Deno.kill(pid, "SIGCONT");
  }
  await provedLater(pair);
}

/** From the position on, whoever has it has all that was acknowledged before. */
async function provedLater(pair: Pair): Promise<void> {
  const { one } = pair;
  const [row] = await sql(
    one.options,
    "SELECT pg_current_wal_lsn()::text AS l",
  );
  const view = await untilInForce(one);
  const acknowledged = parseLsn(String(row?.["l"]));
  assert.ok(acknowledged !== null);
  assert.ok(view.namesInForceLsn >= acknowledged);
  assert.equal(await insertAlone(pair), "waits");
}

/** Right after a promotion, or on a slow disk. */
async function slowFsync(pair: Pair): Promise<void> {
  const { one } = pair;
  const reason = skipReason("strace", "strace");
  if (reason !== null) return console.log(`skipped: ${reason}`);
  await one.postgres.settings.configure({
    document: { parameters: { fsync: "on" } },
  });
  await waitForNobody(pair);
  for (let table = 0; table < 4; table++) {
    await sql(one.options, `CREATE TABLE f${table} AS SELECT 1 AS i`);
  }
  const pid = await pidOf(one, "checkpointer");
  const tracer = new Deno.Command("strace", {
    args: [
      ...["-qq", "-f", "-p", `${pid}`, "-o", "/dev/null"],
      ...["-e", "trace=fsync,fdatasync"],
      ...["-e", "inject=fsync,fdatasync:delay_enter=1000000"],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await eventually(
      () => Deno.readTextFile(`/proc/${pid}/status`),
      (status) => !/TracerPid:\s0\b/.test(status),
    );
    const checkpoint = sql(one.options, "CHECKPOINT");
    await eventually(
      () => checkpointerEvent(one),
      (event) => event === "DataFileSync",
    );
    await one.postgres.settings.setSynchronousStandbys("two");
    await assertShown(pair);
    assert.equal(await insertAlone(pair), "acknowledged");
    assert.equal(await checkpointerEvent(one), "DataFileSync");
    await assertShown(pair);
    tracer.kill("SIGINT");
    await checkpoint;
  } finally {
    if (await processFacts(tracer.pid) !== null) tracer.kill("SIGINT");
    await tracer.status;
  }
  await provedLater(pair);
}

/** Between two writes it reads what was reloaded: nobody waits for its end. */
async function spread(pair: Pair): Promise<void> {
  const { one } = pair;
  const document = { parameters: { fsync: "off", checkpoint_timeout: "1h" } };
  await one.postgres.settings.configure({ document });
  await waitForNobody(pair);
  await sql(
    one.options,
    "CREATE TABLE big AS SELECT i, repeat('x', 500) FROM generate_series(1, 9000) i",
  );
  const backup = sql(one.options, "SELECT pg_backup_start('spread', false)");
  await eventually(
    () => checkpointerEvent(one),
    (event) => event === "CheckpointWriteDelay",
  );
  await one.postgres.settings.setSynchronousStandbys("two");
  await provedLater(pair);
  assert.equal(await checkpointerEvent(one), "CheckpointWriteDelay");
  // An immediate one lets the spread one end.
  await sql(one.options, "CHECKPOINT");
  await backup;
}

async function onReplica({ two }: Pair): Promise<void> {
  const pid = await pidOf(two, "checkpointer");
  await two.postgres.settings.setSynchronousStandbys("ANY 1 (one)");
  const proved = await eventually(
    () => untilRole(two.postgres, "replica"),
    ({ namesInForceLsn }) => namesInForceLsn !== null,
  );
  assert.equal(proved.synchronousStandbyNames, "ANY 1 (one)");
  Deno.kill(pid, "SIGSTOP");
  try {
    await two.postgres.settings.setSynchronousStandbys("ANY 1 (three)");
    const shown = await eventually(
      () => untilRole(two.postgres, "replica"),
      (view) => view.synchronousStandbyNames === "ANY 1 (three)",
    );
    assert.equal(shown.namesInForceLsn, null);
  } finally {
    Deno.kill(pid, "SIGCONT");
  }
}
