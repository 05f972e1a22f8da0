import { RedisServer, redisSkipReason } from "../helpers/redis.ts";
import type { DcsFixture } from "./dcs_fixture.ts";
import { redisDcs } from "./dcs_redis_access.ts";
import { dcsSuite } from "./dcs_suite.ts";

async function open(): Promise<DcsFixture> {
  const server = await RedisServer.start();
  return {
    connect: (scopePath) => redisDcs(server.port, { scopePath }),
    freeze: () => Promise.resolve(server.freeze()),
    thaw: () => Promise.resolve(server.thaw()),
    cutConnections: () => server.cutConnections(),
    isReadableWhenFrozen: false,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

dcsSuite("Redis", { open, skipReason: redisSkipReason() });
