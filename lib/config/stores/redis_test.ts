import assert from "node:assert/strict";
import { readEnvironment } from "../env.ts";
import { Wanted } from "../fields.ts";
import { readStore } from "./all.ts";
import type { RedisConfig } from "./redis.ts";

const DEFAULTS: RedisConfig = {
  kind: "redis",
  hosts: [{ host: "h", port: 6379 }],
  sentinelMaster: null,
  database: 0,
  username: null,
  password: null,
  isTls: false,
  isVerified: true,
  cacert: null,
  cert: null,
  key: null,
  isLossAccepted: false,
};

Deno.test("each form of the section redis leads to its hosts", () => {
  const two = [{ host: "h", port: 6379 }, { host: "::1", port: 6 }];
  const cases: readonly (readonly [object, Partial<RedisConfig>])[] = [
    [{ hosts: "h" }, {}],
    [{ hosts: "h,[::1]:6" }, { hosts: two }],
    [{ hosts: ["h", "[::1]:6"], sentinel_master: "m" }, {
      ...{ hosts: two, sentinelMaster: "m" },
    }],
    [{ url: "redis://h" }, {}],
    [{ url: "redis://:p%40@h,[::1]:6/7" }, {
      ...{ hosts: two, password: "p@", database: 7 },
    }],
    [{ url: "rediss://u:p@h/", hosts: "x", username: "v", password: "w" }, {
      ...{ isTls: true, username: "u", password: "p" },
    }],
    [{ url: "redis://h", username: "v", password: "w", database: "3" }, {
      ...{ username: "v", password: "w", database: 3 },
    }],
    [{ hosts: "h", use_ssl: "on", verify: "off", cacert: "/a" }, {
      ...{ isTls: true, isVerified: false, cacert: "/a" },
    }],
    [{ hosts: "h", cert: "/c", key: "/k", accept_data_loss: true }, {
      ...{ cert: "/c", key: "/k", isLossAccepted: true },
    }],
    [{ hosts: "h", url: "", username: "", database: "", use_ssl: "" }, {}],
  ];
  for (const [section, wanted] of cases) {
    assert.deepEqual(
      readStore({ redis: { ...section } }),
      { ...DEFAULTS, ...wanted },
      JSON.stringify(section),
    );
  }
});

Deno.test("what the section redis cannot mean is said by its key", () => {
  const cases: readonly (readonly [object, string])[] = [
    [{}, "redis.hosts"],
    [{ hosts: "h:99999" }, "redis.hosts"],
    [{ hosts: "h,a b:x" }, "redis.hosts"],
    [{ url: "h" }, "redis.url"],
    [{ url: "http://h" }, "redis.url"],
    [{ url: "redis://" }, "redis.url"],
    [{ url: "redis://h/x" }, "redis.url"],
    [{ url: "redis://%zz:p@h" }, "redis.url"],
    [{ hosts: "h", database: -1 }, "redis.database"],
    [{ hosts: "h", accept_data_loss: "maybe" }, "redis.accept_data_loss"],
  ];
  for (const [section, path] of cases) {
    const result = readStore({ redis: { ...section } });
    assert.ok(result instanceof Wanted, JSON.stringify(section));
    assert.deepEqual(result.misfits.map((one) => one.path.join(".")), [path]);
  }
});

Deno.test("variables make the section redis", () => {
  const { document, warnings } = readEnvironment({
    PATRONI_REDIS_HOSTS: "h",
    PATRONI_REDIS_SENTINEL_MASTER: "m",
    PATRONI_REDIS_DATABASE: "2",
    PATRONI_REDIS_USERNAME: "u",
    PATRONI_REDIS_PASSWORD: "p",
    PATRONI_REDIS_USE_SSL: "on",
    PATRONI_REDIS_VERIFY: "off",
    PATRONI_REDIS_CACERT: "/ca",
    PATRONI_REDIS_CERT: "/c",
    PATRONI_REDIS_KEY: "/k",
    PATRONI_REDIS_ACCEPT_DATA_LOSS: "true",
  });
  assert.deepEqual(warnings, []);
  assert.deepEqual(readStore(document), {
    ...DEFAULTS,
    ...{ sentinelMaster: "m", database: 2, username: "u", password: "p" },
    ...{ isTls: true, isVerified: false, isLossAccepted: true },
    ...{ cacert: "/ca", cert: "/c", key: "/k" },
  });
});
