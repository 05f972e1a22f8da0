/**
 * What every implementation of the port `Postgres` promises. The suite gets a
 * world that makes instances; it uses nothing but the port and that world.
 */
import assert from "node:assert/strict";
import type {
  PostgresView,
  PrimaryView,
  ReplicaView,
} from "../../lib/core/model/postgres_view.ts";
import type { Lsn } from "../../lib/core/base/units.ts";
import type {
  Postgres,
  PostgresPeer,
  PostgresServer,
} from "../../lib/ports/postgres.ts";
import { eventually, NEVER } from "../helpers/postgres.ts";

/** One instance, and what a test may do to it behind the port's back. */
export interface SuiteInstance {
  readonly postgres: Postgres;
  readonly peer: PostgresPeer;
  /** Makes some WAL on a primary. */
  readonly write: () => Promise<void>;
  /** The postmaster dies without a word. */
  readonly crash: () => Promise<void>;
}

/** Makes instances for one test. */
export interface SuiteWorld extends AsyncDisposable {
  instance(name: string): SuiteInstance;
}

const START_LIMIT_MS = 60_000;
const MAX_WAIT_MS = 30_000;

type Stop = Parameters<PostgresServer["stop"]>[0];

const FAST: Stop = {
  mode: "fast",
  isCheckpointFirst: false,
  escalateAfterMs: 10_000,
  onShutdownCheckpoint: null,
};

const PROMISES: Readonly<
  Record<string, (world: SuiteWorld) => Promise<void>>
> = {
  "an empty directory becomes a primary by bootstrap": async (world) => {
    const { postgres } = world.instance("one");
    assert.deepEqual(await postgres.observe(), { kind: "empty" });
    const { systemId } = await postgres.data.bootstrap(NEVER);
    const view = await postgres.observe();
    assert.ok(view.kind === "running" && view.role === "primary");
    assert.equal(view.systemId, systemId);
    assert.equal(view.timeline, 1);
    assert.deepEqual(view.pendingRestart, {});
    assert.equal(view.areStandbysManaged, false);
  },

  "a clone streams from its source, with its slot": async (world) => {
    const [one, two] = await pair(world);
    const primary = await until(one.postgres, isPrimary);
    assert.equal(primary.walSenders[0]?.applicationName, "two");
    const slot = primary.slots.find((s) => s.name === "two");
    assert.equal(slot?.isActive, true);
    const replica = await until(two.postgres, isStreaming);
    assert.equal(replica.timeline, 1);
    assert.equal(replica.systemId, primary.systemId);
    assert.deepEqual(replica.upstream, {
      host: one.peer.host,
      port: one.peer.port,
    });
    await one.write();
    const { flushedLsn } = await until(one.postgres, isPrimary);
    await until(
      two.postgres,
      (view): view is ReplicaView =>
        isReplica(view) && (view.replayedLsn ?? 0n) >= flushedLsn,
    );
  },

  "follow() says what it took, and nothing if nothing": async (world) => {
    const [one, two] = await pair(world);
    assert.equal(await two.postgres.upstream.follow(one.peer), "unchanged");
    assert.equal(await two.postgres.upstream.follow(null), "reloaded");
    await until(
      two.postgres,
      (view): view is ReplicaView => isReplica(view) && view.upstream === null,
    );
    assert.equal(await two.postgres.upstream.follow(one.peer), "reloaded");
    await until(two.postgres, isStreaming);
  },

  "a fast stop tells the shutdown checkpoint once": async (world) => {
    const [one, two] = await pair(world);
    await one.write();
    const positions: Lsn[] = [];
    await one.postgres.server.stop({
      ...FAST,
      isCheckpointFirst: true,
      onShutdownCheckpoint: (position) => {
        positions.push(position);
        return Promise.resolve();
      },
    });
    const view = await one.postgres.observe();
    assert.ok(view.kind === "stopped" && !view.isStandby);
    assert.equal(view.control.state, "shut down");
    assert.deepEqual(positions, [view.control.checkpointLsn]);
    const asked = await one.postgres.upstream.ask(two.peer);
    assert.ok(asked.kind === "answered");
    assert.equal(asked.localEnd?.kind, "primary_shutdown");
    // The replica got everything up to and with the checkpoint record.
    const replica = await until(two.postgres, isReplica);
    assert.equal(replica.receivedLsn, asked.localEnd?.endLsn);
    await one.postgres.server.stop(FAST);
  },

  "a switchover loses nothing and needs no rewind": async (world) => {
    const [one, two] = await pair(world);
    await one.write();
    assert.ok(isPrimary(await one.postgres.observe()));
    const before = await one.postgres.endedTransaction();
    assert.ok(before !== null);
    assert.equal(await one.postgres.endedTransaction(), before);
    await one.write();
    const after = await one.postgres.endedTransaction();
    assert.ok(after !== null && after > before, "a write has ended");
    assert.equal(await two.postgres.endedTransaction(), null);
    await one.postgres.server.stop(FAST);
    assert.equal(await one.postgres.endedTransaction(), null);
    await two.postgres.server.promote(MAX_WAIT_MS, NEVER);
    const promoted = await two.postgres.observe();
    assert.ok(isPrimary(promoted));
    assert.equal(promoted.timeline, 2);
    const history = await two.postgres.readHistoryFile(2);
    assert.match(history?.text ?? "", /^1\t0\//);
    const asked = await one.postgres.upstream.ask(two.peer);
    assert.ok(asked.kind === "answered");
    assert.equal(asked.isInRecovery, false);
    assert.equal(asked.timeline, 2);
    assert.equal(asked.systemId, promoted.systemId);
    assert.equal(asked.history[0]?.timeline, 1);
    assert.equal(asked.localEnd?.endLsn, asked.history[0]?.switchpoint);
    await two.postgres.slots.apply({ create: ["one"], drop: [], advance: {} });
    await startStandby(one.postgres, two.peer);
    await until(one.postgres, isStreamingTimeline2);
  },

  "a crash is seen, and the next start recovers": async (world) => {
    const { postgres, crash } = world.instance("one");
    await postgres.data.bootstrap(NEVER);
    const ended = postgres.untilPostmasterEnds(NEVER);
    await crash();
    await ended;
    const view = await postgres.observe();
    assert.ok(view.kind === "stopped");
    assert.equal(view.control.state, "in production");
    assert.equal(view.isStandby, false);
    const result = await postgres.server.start(
      { kind: "primary" },
      START_LIMIT_MS,
      NEVER,
    );
    assert.deepEqual(result, { kind: "running" });
    assert.ok(isPrimary(await postgres.observe()));
  },

  "a standby that streams is named, and nobody by a server that is down":
    async (world) => {
      const [one, two] = await pair(world);
      assert.ok(isPrimary(await one.postgres.observe()));
      const [name] = await one.postgres.streaming();
      assert.equal(name, two.peer.name);
      await two.postgres.server.stop(FAST);
      assert.deepEqual(await one.postgres.streaming(), []);
      await one.postgres.server.stop(FAST);
      assert.deepEqual(await one.postgres.streaming(), []);
    },

  "a diverged primary is rewound and follows": async (world) => {
    const [one, two] = await pair(world);
    await one.write();
    await two.postgres.server.stop(FAST);
    await one.write();
    await one.crash();
    await startStandby(two.postgres, null);
    await two.postgres.server.promote(MAX_WAIT_MS, NEVER);
    await two.postgres.server.checkpoint(NEVER);
    await two.postgres.slots.apply({ create: ["one"], drop: [], advance: {} });
    const asked = await one.postgres.upstream.ask(two.peer);
    assert.ok(asked.kind === "answered");
    assert.equal(asked.timeline, 2);
    assert.equal(asked.localEnd?.kind, "primary_crash");
    assert.equal(asked.localEnd?.timeline, 1);
    await one.postgres.data.rewind(two.peer, NEVER);
    await startStandby(one.postgres, two.peer);
    await until(one.postgres, isStreamingTimeline2);
  },

  "a failed clone leaves nothing": async (world) => {
    const [one, two] = [world.instance("one"), world.instance("two")];
    await one.postgres.data.bootstrap(NEVER);
    await one.postgres.server.stop(FAST);
    const abort = AbortSignal.timeout(2_000);
    await assert.rejects(() => two.postgres.data.clone(one.peer, null, abort));
    assert.deepEqual(await two.postgres.observe(), { kind: "empty" });
  },

  "slots are made, advanced and dropped": async (world) => {
    const { postgres, write } = world.instance("one");
    await postgres.data.bootstrap(NEVER);
    await postgres.slots.apply({ create: ["a", "b"], drop: [], advance: {} });
    await postgres.slots.apply({ create: ["a"], drop: ["gone"], advance: {} });
    await write();
    const { flushedLsn } = await until(postgres, isPrimary);
    await postgres.slots.apply({
      create: [],
      drop: ["b"],
      advance: { a: flushedLsn },
    });
    const { slots } = await until(postgres, isPrimary);
    assert.deepEqual(slots.map((s) => s.name), ["a"]);
    assert.equal(slots[0]?.restartLsn, flushedLsn);
    assert.equal(slots[0]?.type, "physical");
  },

  "synchronous standbys are set and given back": async (world) => {
    const { postgres } = world.instance("one");
    await postgres.data.bootstrap(NEVER);
    await postgres.settings.setSynchronousStandbys('ANY 1 ("two")');
    const managed = await until(postgres, isPrimary);
    assert.equal(managed.synchronousStandbyNames, 'ANY 1 ("two")');
    assert.equal(managed.areStandbysManaged, true);
    await postgres.settings.setSynchronousStandbys(null);
    const own = await until(postgres, isPrimary);
    assert.equal(own.synchronousStandbyNames, "");
    assert.equal(own.areStandbysManaged, false);
  },

  "the dynamic document survives in the data directory": async (world) => {
    const { postgres } = world.instance("one");
    assert.equal(await postgres.settings.loadDynamicConfig(), null);
    await postgres.data.bootstrap(NEVER);
    await postgres.settings.saveDynamicConfig({ ttl: 30, slots: { a: null } });
    assert.deepEqual(await postgres.settings.loadDynamicConfig(), {
      ttl: 30,
      slots: { a: null },
    });
    await postgres.server.stop(FAST);
    await postgres.data.remove();
    assert.deepEqual(await postgres.observe(), { kind: "empty" });
    assert.equal(await postgres.settings.loadDynamicConfig(), null);
  },

  "an upstream that is away is silent": async (world) => {
    const one = world.instance("one");
    const asked = await one.postgres.upstream.ask(one.peer);
    assert.equal(asked.kind, "silent");
  },
};

/** Registers the suite for the implementation `name`. */
export function postgresSuite(name: string, newWorld: () => SuiteWorld): void {
  for (const [what, body] of Object.entries(PROMISES)) {
    Deno.test({
      name: `${name}: ${what}`,
      // The server outlives its adapter on purpose: its handle looks leaked.
      sanitizeResources: false,
      sanitizeOps: false,
      fn: async () => {
        await using world = newWorld();
        await body(world);
      },
    });
  }
}

async function pair(
  world: SuiteWorld,
): Promise<readonly [SuiteInstance, SuiteInstance]> {
  const [one, two] = [world.instance("one"), world.instance("two")];
  await one.postgres.data.bootstrap(NEVER);
  await one.postgres.slots.apply({ create: ["two"], drop: [], advance: {} });
  await two.postgres.data.clone(one.peer, "two", NEVER);
  await startStandby(two.postgres, one.peer);
  await until(two.postgres, isStreaming);
  return [one, two];
}

async function startStandby(
  postgres: Postgres,
  upstream: PostgresPeer | null,
): Promise<void> {
  const result = await postgres.server.start(
    { kind: "standby", upstream },
    START_LIMIT_MS,
    NEVER,
  );
  assert.deepEqual(result, { kind: "running" });
}

async function until<V extends PostgresView>(
  postgres: Postgres,
  isIt: (view: PostgresView) => view is V,
): Promise<V> {
  const seen = await eventually(() => postgres.observe(), isIt, MAX_WAIT_MS);
  assert.ok(isIt(seen));
  return seen;
}

function isPrimary(view: PostgresView): view is PrimaryView {
  return view.kind === "running" && view.role === "primary";
}

function isReplica(view: PostgresView): view is ReplicaView {
  return view.kind === "running" && view.role === "replica";
}

/** A standby may stream the rest of the old timeline first. */
function isStreamingTimeline2(view: PostgresView): view is ReplicaView {
  return isStreaming(view) && view.timeline === 2;
}

function isStreaming(view: PostgresView): view is ReplicaView {
  return isReplica(view) && view.isStreaming;
}
