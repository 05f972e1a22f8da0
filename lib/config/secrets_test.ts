import assert from "node:assert/strict";
import fc from "fast-check";
import { isSecretKey, MASK, redact, redactText } from "./secrets.ts";

Deno.test("isSecretKey() knows the names of secrets, not their relatives", () => {
  for (
    const key of [
      "password",
      "keyfile_password",
      "key_password",
      "sslpassword",
      "token",
      "auth_data",
      "PATRONI_SUPERUSER_PASSWORD",
      "PGPASSWORD",
      "client_secret",
      "Authorization",
    ]
  ) assert.equal(isSecretKey(key), true, key);
  for (const key of ["password_encryption", "pgpass", "username", "tokens"]) {
    assert.equal(isSecretKey(key), false, key);
  }
});

const TEXTS: readonly (readonly [string, string])[] = [
  ["postgres://joe:hunter2@db:5432/x", "postgres://joe:***@db:5432/x"],
  ["https://root:p@ss/w:ord@etcd:2379", "https://root:***@etcd:2379"],
  ["http://etcd:2379", "http://etcd:2379"],
  [
    "host=db password=hunter2 user=joe",
    "host=db password=*** user=joe",
  ],
  ["password='hun ter\\'2' user=joe", "password=*** user=joe"],
  ["password=hun\\ ter2 user=joe", "password=*** user=joe"],
  ["password = 'hunter2", "password = ***"],
  ["--password=hunter2 -v", "--password=*** -v"],
  ["sslpassword=hunter2", "sslpassword=***"],
  ["PGPASSWORD=hunter2 psql", "PGPASSWORD=*** psql"],
  ["postgres://db/x?password=hunter2", "postgres://db/x?password=***"],
  ['{"password":"hunter2","a":1}', '{"password":***,"a":1}'],
  ["password: hunter2", "password: ***"],
  ["password_encryption=md5", "password_encryption=md5"],
];

Deno.test("redactText() masks passwords of URLs and connection strings", () => {
  for (const [text, expected] of TEXTS) {
    assert.equal(redactText(text), expected);
  }
});

Deno.test("redact() masks by key at every depth and keeps the rest", () => {
  assert.deepEqual(
    redact({
      authentication: { superuser: { username: "u", password: 12345 } },
      etcd3: { url: "http://a:b@c:1", hosts: ["http://a:b@c:1"] },
      zookeeper: { auth_data: { digest: "a:b" } },
      restapi: { keyfile_password: "", ciphers: null },
      parameters: { password_encryption: "md5", port: 5432 },
    }),
    {
      authentication: { superuser: { username: "u", password: MASK } },
      etcd3: { url: "http://a:***@c:1", hosts: ["http://a:***@c:1"] },
      zookeeper: { auth_data: MASK },
      restapi: { keyfile_password: "", ciphers: null },
      parameters: { password_encryption: "md5", port: 5432 },
    },
  );
});

Deno.test("redact() lets no generated password through", () => {
  const passwords = fc.stringMatching(
    /^[a-zA-Z0-9!#$%&()*+,./:;<>?@^_~-]{6,20}$/,
  )
    .map((text) => `Zq${text}Zq`);
  fc.assert(fc.property(passwords, (password) => {
    const shown = JSON.stringify([
      redact({ password, nested: [{ sslpassword: password }] }),
      redactText(`postgres://u:${password}@host/db`),
      redactText(`host=a password=${password} port=1`),
      redactText(`host=a password='${password}'`),
    ]);
    assert.equal(shown.includes(password), false);
  }));
});
