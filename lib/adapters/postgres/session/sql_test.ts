import assert from "node:assert/strict";
import { PostgresError } from "../../../ports/errors.ts";
import { Connection } from "./sql.ts";

Deno.test("a client key that cannot be read is told, not left out", async () => {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-key-" });
  try {
    const sslkey = `${folder}/client.key`;
    await Deno.writeTextFile(sslkey, "no key");
    const options = { sslmode: "require", sslcert: sslkey, sslkey };
    await using connection = new Connection({
      host: "127.0.0.1",
      port: 1,
      database: "postgres",
      credentials: { username: "u", password: null, options },
      settings: {},
    });
    await assert.rejects(connection.query("SELECT 1", 1_000), (error) => {
      assert.ok(error instanceof PostgresError);
      assert.match(error.message, /^Cannot read the client key/);
      return true;
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
