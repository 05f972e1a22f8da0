import { PostgresDocumentStore } from "../../lib/adapters/postgres/dcs/store_postgres.ts";
import { DocumentDcs } from "../../lib/dcs/document/document_dcs.ts";
import { StorePostgres } from "../helpers/store_postgres.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { RealClock } from "./dcs_clock.ts";
import type { DcsFixture } from "./dcs_fixture.ts";
import { pgstoreOptions } from "./dcs_pgstore_access.ts";
import { dcsSuite } from "./dcs_suite.ts";

async function open(): Promise<DcsFixture> {
  const server = await StorePostgres.start();
  const clock = new RealClock();
  return {
    connect: (scopePath) =>
      new DocumentDcs({
        store: new PostgresDocumentStore(pgstoreOptions(server, { scopePath })),
        ...{ clock, random: { next: Math.random } },
      }),
    freeze: () => Promise.resolve(server.freeze()),
    thaw: () => Promise.resolve(server.thaw()),
    cutConnections: () => server.cutSessions(),
    isReadableWhenFrozen: false,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

unprivileged(import.meta.url, () => {
  dcsSuite("PostgreSQL", { open, skipReason: null });
});
