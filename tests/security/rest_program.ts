/**
 * The REST listener with the agent's limits, in a process that needs descriptors
 * for more than that: it opens files and starts programs, over and over, and says
 * a line each time. Started by rest_exhaustion_test.ts.
 */
import { connectionsFor } from "../../lib/compose/rest.ts";
import { serveRest } from "../../lib/http/server.ts";
import { descriptorsMax } from "../../proxy/descriptors.ts";
import { RestBench } from "../helpers/rest_app.ts";

/** Of the store, of PostgreSQL, of peers, at once. */
const FILES = 48;
const PAUSE_MS = 20;

async function beat(): Promise<string> {
  const files: Deno.FsFile[] = [];
  try {
    for (let i = 0; i < FILES; i++) files.push(await Deno.open("/dev/null"));
    const { success } = await new Deno.Command("true").output();
    return success ? "beat" : "failed: true";
  } catch (error) {
    return `failed: ${error}`;
  } finally {
    for (const file of files) file.close();
  }
}

const bench = new RestBench();
await using server = await serveRest(bench.app, {
  listen: { host: "127.0.0.1", port: 0 },
  tls: null,
  limits: { connectionsMax: connectionsFor(descriptorsMax()) },
  log: bench.log,
});
console.log(`port ${server.port}`);
for (;;) {
  console.log(await beat());
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
