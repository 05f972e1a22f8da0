import assert from "node:assert/strict";
import { ConfigError } from "../config/problems.ts";
import { readIdentity } from "./variables.ts";

Deno.test("variables: a name and the founders are enough", () => {
  const env = { MATRIARCH_PEERS: "db2, db1\ndb2,db3" };
  assert.deepEqual(readIdentity(env, "db1"), {
    ...{ cluster: "main", name: "db1", founders: ["db1", "db2", "db3"] },
    ...{ volume: "/var/lib/matriarch", secrets: "/secrets" },
  });
});

Deno.test("variables: all of them count, and empty ones do not", () => {
  const env = {
    ...{ MATRIARCH_PEERS: "a", MATRIARCH_NAME: "x", MATRIARCH_CLUSTER: "c" },
    ...{ MATRIARCH_VOLUME: "/data", MATRIARCH_SECRETS: " " },
  };
  assert.deepEqual(readIdentity(env, "db1"), {
    ...{ cluster: "c", name: "x", founders: ["a"] },
    ...{ volume: "/data", secrets: "/secrets" },
  });
});

Deno.test("variables: every problem is told at once", () => {
  const env = {
    ...{ MATRIARCH_CLUSTER: "a/b", MATRIARCH_NAME: "my host" },
    MATRIARCH_VOLUME: "data",
  };
  assert.throws(() => readIdentity(env, "db1"), (error: unknown) => {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(error.problems.map(({ path }) => path), [
      ...["MATRIARCH_CLUSTER", "MATRIARCH_NAME", "MATRIARCH_VOLUME"],
      "MATRIARCH_PEERS",
    ]);
    return true;
  });
  for (const peers of [",", "a,b:80", "a,$x"]) {
    const wrong = { MATRIARCH_PEERS: peers };
    assert.throws(() => readIdentity(wrong, "db1"), /names of containers/);
  }
});
