import { DatabaseSync } from "node:sqlite";
import { DcsSqlite } from "../../lib/adapters/sqlite/dcs_sqlite.ts";
import { RealClock } from "./dcs_clock.ts";
import type { DcsFixture } from "./dcs_fixture.ts";
import { dcsSuite } from "./dcs_suite.ts";

async function open(): Promise<DcsFixture> {
  const directory = await Deno.makeTempDir({ prefix: "matriarch-sqlite-" });
  const path = `${directory}/lab/dcs.sqlite`;
  const clock = new RealClock();
  let lock: DatabaseSync | null = null;
  return {
    connect: (scopePath) => new DcsSqlite({ path, scopePath, clock }),
    freeze: () => {
      lock = new DatabaseSync(path);
      lock.exec("BEGIN IMMEDIATE");
      return Promise.resolve();
    },
    thaw: () => {
      lock?.close();
      return Promise.resolve();
    },
    cutConnections: null,
    isReadableWhenFrozen: true,
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

dcsSuite("SQLite", { open, skipReason: null });
