/**
 * The real adapter on real servers: the promises of the port, then what only a
 * real host can do to it.
 */
import assert from "node:assert/strict";
import { livePostmaster } from "../../lib/adapters/postgres/pid_file.ts";
import {
  childrenOf,
  processFacts,
} from "../../lib/adapters/postgres/processes.ts";
import type { PostgresOptions } from "../../lib/adapters/postgres/options.ts";
import {
  eventually,
  NEVER,
  sql,
  stop,
  testContext,
  TestWorld,
  untilRole,
} from "../helpers/postgres.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { postgresSuite, type SuiteWorld } from "./postgres_suite.ts";

unprivileged(import.meta.url, () => {
  postgresSuite("PostgresLocal", newSuiteWorld);
});

function newSuiteWorld(): SuiteWorld {
  const world = new TestWorld();
  return {
    instance(name) {
      const { postgres, options, peer } = world.instance(name);
      return {
        postgres,
        peer,
        write: async () => {
          await sql(options, "CREATE TABLE IF NOT EXISTS t (i int)");
          await sql(options, "INSERT INTO t SELECT generate_series(1, 1000)");
        },
        crash: () => killPostmaster(options),
      };
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

async function postmasterPid(options: PostgresOptions): Promise<number> {
  const file = await livePostmaster(testContext(options));
  assert.ok(file !== null, "the postmaster runs");
  return file.pid;
}

async function killPostmaster(options: PostgresOptions): Promise<void> {
  const pid = await postmasterPid(options);
  Deno.kill(pid, "SIGKILL");
  await eventually(() => processFacts(pid), (facts) => facts === null);
}
