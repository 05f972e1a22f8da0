/**
 * A stand-in for main.ts in `compiled_test.ts`: opens what only works when
 * the file carries everything, and answers with what it sees as JSON.
 */

import { Etcd3 } from "etcd3";
import { DatabaseSync } from "node:sqlite";
import { invokedName, selfCommand } from "../../lib/compose/self_command.ts";

function sqliteVersion(): unknown {
  using database = new DatabaseSync(":memory:");
  return database.prepare("select sqlite_version() as version").get();
}

async function etcdError(): Promise<string> {
  const client = new Etcd3({
    hosts: "http://127.0.0.1:1",
    faultHandling: {},
    grpcOptions: { "grpc.enable_http_proxy": 0 },
  });
  try {
    await client.get("key").string();
    return "answered";
  } catch (error) {
    return error instanceof Error ? error.constructor.name : String(error);
  } finally {
    client.close();
  }
}

const [verb, value] = Deno.args;
if (verb === "exit") Deno.exit(Number(value));
if (verb === "wait") {
  console.log("waiting");
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}
console.log(JSON.stringify({
  name: invokedName(),
  args: Deno.args,
  self: selfCommand(),
  sqlite: sqliteVersion(),
  etcd: await etcdError(),
}));
