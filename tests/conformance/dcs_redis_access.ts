/** A client of a Redis that keeps scopes, with what most tests do not care about. */
import type { RedisOptions } from "../../lib/adapters/redis/options.ts";
import { RedisDocumentStore } from "../../lib/adapters/redis/store_redis.ts";
import { DocumentDcs } from "../../lib/dcs/document/document_dcs.ts";
import { RealClock } from "./dcs_clock.ts";

/** A client, around the given. */
export function redisDcs(
  port: number,
  given: Partial<RedisOptions> = {},
): DocumentDcs {
  const clock = new RealClock();
  const { warn = () => {} } = given;
  const store = new RedisDocumentStore({
    hosts: [{ host: "127.0.0.1", port }],
    sentinelMaster: null,
    database: 0,
    tls: null,
    login: () => ({ username: null, password: null }),
    isLossAccepted: false,
    scopePath: "/service/batman",
    clock,
    warn,
    ...given,
  });
  return new DocumentDcs({ store, clock, random: { next: Math.random }, warn });
}
