/**
 * Goal: a step of a server's wall clock neither ends a session nor prolongs one.
 *
 * Method: a server by whose clock a day passes at once, and then two go back,
 * while a session is renewed; its key is there all the time. Then the clock goes
 * back once more, nobody renews the session, and the key must go all the same.
 * That the server has seen each step is asked of the server.
 *
 * Other servers' clocks cannot be stepped without the host's: those written in Go
 * (etcd, Consul, Kubernetes' API server) and dynalite's runtime do not ask the C
 * library, and a JVM (ZooKeeper) cannot wait any more under libfaketime. Their
 * sessions count monotonic time; DynamoDB's, like those here, none of the server's.
 * SQLite's clock is the host's boot clock.
 */
import assert from "node:assert/strict";
import { PostgresDocumentStore } from "../../lib/adapters/postgres/dcs/store_postgres.ts";
import { DocumentDcs } from "../../lib/dcs/document/document_dcs.ts";
import type { Dcs } from "../../lib/ports/dcs.ts";
import { RedisServer, redisSkipReason } from "../helpers/redis.ts";
import { ServerClock, serverClockSkipReason } from "../helpers/server_clock.ts";
import { StorePostgres } from "../helpers/store_postgres.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { RealClock } from "./dcs_clock.ts";
import { contents, eventually, guardedPut, LIMITS } from "./dcs_fixture.ts";
import { pgstoreOptions } from "./dcs_pgstore_access.ts";
import { redisDcs } from "./dcs_redis_access.ts";

/** A busy machine may let a renewal wait for that long. */
const TTL_MS = 4_000;
const DAY_S = 86_400;
/** Steps are so large that nobody takes one for a delay. */
const NEAR_S = 600;

type Environment = ServerClock["environment"];

/** A server whose clock the test has. */
interface Stepped extends AsyncDisposable {
  connect(): Dcs;
  /** Its wall clock, in seconds. */
  seconds(): Promise<number>;
}

unprivileged(import.meta.url, () => {
  steppedTest("PostgreSQL", { open: postgres, why: null });
  steppedTest("Redis", { open: redis, why: redisSkipReason() });
});

function steppedTest(
  store: string,
  { open, why }: {
    readonly open: (environment: Environment) => Promise<Stepped>;
    readonly why: string | null;
  },
): void {
  const skipReason = serverClockSkipReason() ?? why;
  Deno.test({
    name: `a step of the clock of ${store} changes no session` +
      (skipReason === null ? "" : ` (skipped: ${skipReason})`),
    ignore: skipReason !== null,
    fn: async () => {
      using clock = ServerClock.make();
      await using server = await open(clock.environment);
      const clients = [server.connect(), server.connect()] as const;
      try {
        await play(clients, { server, clock });
      } finally {
        for (const dcs of clients) await dcs.close();
      }
    },
  });
}

async function play(
  [holder, observer]: readonly [Dcs, Dcs],
  { server, clock }: {
    readonly server: Stepped;
    readonly clock: ServerClock;
  },
): Promise<void> {
  const { id: session } = await holder.openSession(TTL_MS, LIMITS);
  const guard = { kind: "absent" } as const;
  await guardedPut(holder, "leader", { value: "n1", guard, session });
  const isStillHeld = async (): Promise<void> => {
    assert.equal(await holder.renewSession(session, LIMITS), "alive");
    const { entries } = await holder.readFresh(LIMITS);
    assert.deepEqual(entries.map(({ isHeld }) => isHeld), [true]);
    assert.deepEqual(await contents(observer), { leader: "n1" });
  };
  for (const seconds of [DAY_S, -DAY_S]) {
    clock.step(seconds);
    await eventually(async () => {
      await isStillHeld();
      return await isThere(server, seconds);
    }, () => "the server has not seen the step");
    // What the step has started may take a moment.
    const until = performance.now() + TTL_MS / 2;
    await eventually(async () => {
      await isStillHeld();
      return performance.now() > until;
    }, () => "it is renewed for a while");
  }
  clock.step(-2 * DAY_S);
  await eventually(async () => {
    await isStillHeld();
    return await isThere(server, -2 * DAY_S);
  }, () => "the server has not seen the step");
  await eventually(
    async () => !("leader" in await contents(observer)),
    () => "a session that nobody renews is still alive",
  );
}

async function isThere(server: Stepped, seconds: number): Promise<boolean> {
  const offset = await server.seconds() - Date.now() / 1000;
  return Math.abs(offset - seconds) < NEAR_S;
}

async function postgres(environment: Environment): Promise<Stepped> {
  const server = await StorePostgres.start({}, [], environment);
  const clock = new RealClock();
  return {
    connect: () =>
      new DocumentDcs({
        store: new PostgresDocumentStore(pgstoreOptions(server)),
        ...{ clock, random: { next: Math.random } },
      }),
    seconds: async () => {
      const query = "SELECT extract(epoch FROM clock_timestamp()) AS seconds";
      const [row] = await server.sql(query);
      return Number(row?.["seconds"]);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function redis(environment: Environment): Promise<Stepped> {
  const server = await RedisServer.start({}, [], environment);
  return {
    connect: () => redisDcs(server.port),
    seconds: async () => Number((await server.ask("TIME")).split("\n")[0]),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
