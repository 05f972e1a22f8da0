/** A client of a PostgreSQL that keeps scopes, with what most tests do not care about. */
import type { PostgresStoreOptions } from "../../lib/adapters/postgres/dcs/options.ts";
import {
  STORE_PASSWORD,
  type StorePostgres,
} from "../helpers/store_postgres.ts";
import { RealClock } from "./dcs_clock.ts";

/** What the adapter needs, around the given. */
export function pgstoreOptions(
  { port }: Pick<StorePostgres, "port">,
  given: Partial<PostgresStoreOptions> = {},
): PostgresStoreOptions {
  return {
    hosts: [{ host: "127.0.0.1", port }],
    database: "postgres",
    schema: "matriarch",
    scopePath: "/service/batman",
    tls: {},
    login: () => ({
      ...{ username: "postgres", password: STORE_PASSWORD, passfile: null },
    }),
    clock: new RealClock(),
    isMaker: true,
    warn: () => {},
    ...given,
  };
}
