import assert from "node:assert/strict";
import { readEnvironment } from "../env.ts";
import { Wanted } from "../fields.ts";
import { redact } from "../secrets.ts";
import { readStore } from "./all.ts";
import type { DynamodbConfig } from "./dynamodb.ts";

const DEFAULTS: DynamodbConfig = {
  kind: "dynamodb",
  region: null,
  endpoint: null,
  table: "matriarch",
  isTableMade: false,
  cacert: null,
  profile: null,
  keys: null,
};
const KEYS = { accessKeyId: "k", secretAccessKey: "s", sessionToken: null };
const PAIR = { access_key_id: "k", secret_access_key: "s" };

Deno.test("each form of the section dynamodb leads to its table", () => {
  const cases: readonly (readonly [object, Partial<DynamodbConfig>])[] = [
    [{}, {}],
    [{ region: "eu-central-1" }, { region: "eu-central-1" }],
    [{ endpoint: "http://h:8000" }, { endpoint: "http://h:8000" }],
    [{ endpoint: "https://h/" }, { endpoint: "https://h" }],
    [{ endpoint: "http://[::1]:8000" }, { endpoint: "http://[::1]:8000" }],
    [{ table: "My.table_1-x" }, { table: "My.table_1-x" }],
    [{ create_table: "on" }, { isTableMade: true }],
    [PAIR, { keys: KEYS }],
    [{ ...PAIR, session_token: "t" }, { keys: { ...KEYS, sessionToken: "t" } }],
    [{ ...PAIR, profile: "p" }, { keys: KEYS, profile: "p" }],
    [{
      ...{ region: "", endpoint: "", table: "", create_table: "", profile: "" },
      ...{ access_key_id: "", secret_access_key: "", session_token: "" },
      cacert: "",
    }, {}],
  ];
  for (const [section, wanted] of cases) {
    assert.deepEqual(
      readStore({ dynamodb: { ...section } }),
      { ...DEFAULTS, ...wanted },
      JSON.stringify(section),
    );
  }
});

Deno.test("what the section dynamodb cannot mean is said by its key", () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ region: "eu central" }, "dynamodb.region"],
    [{ region: "evil.example/" }, "dynamodb.region"],
    [{ endpoint: "h:8000" }, "dynamodb.endpoint"],
    [{ endpoint: "ftp://h" }, "dynamodb.endpoint"],
    [{ endpoint: "http://u:p@h" }, "dynamodb.endpoint"],
    [{ endpoint: "http://h/path" }, "dynamodb.endpoint"],
    [{ table: "ab" }, "dynamodb.table"],
    [{ table: "a/b/c" }, "dynamodb.table"],
    [{ table: "x".repeat(256) }, "dynamodb.table"],
    [{ access_key_id: "k" }, "dynamodb.secret_access_key"],
    [{ secret_access_key: "s" }, "dynamodb.access_key_id"],
    [{ session_token: "t" }, "dynamodb.access_key_id"],
  ];
  for (const [section, path] of cases) {
    const result = readStore({ dynamodb: { ...section } });
    assert.ok(result instanceof Wanted, JSON.stringify(section));
    assert.deepEqual(result.misfits.map((one) => one.path.join(".")), [path]);
  }
});

Deno.test("variables make the section dynamodb", () => {
  const { document, warnings } = readEnvironment({
    PATRONI_DYNAMODB_REGION: "eu-central-1",
    PATRONI_DYNAMODB_ENDPOINT: "http://h:1",
    PATRONI_DYNAMODB_TABLE: "scopes",
    PATRONI_DYNAMODB_CREATE_TABLE: "true",
    PATRONI_DYNAMODB_PROFILE: "p",
    PATRONI_DYNAMODB_ACCESS_KEY_ID: "k",
    PATRONI_DYNAMODB_SECRET_ACCESS_KEY: "s",
    PATRONI_DYNAMODB_SESSION_TOKEN: "t",
    PATRONI_DYNAMODB_CACERT: "/ca",
  });
  assert.deepEqual(warnings, []);
  assert.deepEqual(readStore(document), {
    kind: "dynamodb",
    region: "eu-central-1",
    endpoint: "http://h:1",
    table: "scopes",
    isTableMade: true,
    cacert: "/ca",
    profile: "p",
    keys: { ...KEYS, sessionToken: "t" },
  });
});

Deno.test("secret and token of the section are shown to nobody", () => {
  const shown = JSON.stringify(redact({
    dynamodb: {
      ...{ access_key_id: "AKIA", secret_access_key: "hidden-one" },
      session_token: "hidden-two",
    },
  }));
  assert.ok(shown.includes("AKIA"));
  assert.ok(!shown.includes("hidden"), shown);
});
