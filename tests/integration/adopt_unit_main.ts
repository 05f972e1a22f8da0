/** Prints the servers of this host, with `stop` stops them first; adopt_unit_test.ts runs it inside of a systemd. */
import { HostServers } from "../../lib/adapters/setup/servers.ts";

const servers = new HostServers();
const found = await servers.running();
if (Deno.args.includes("stop")) {
  for (const server of found) await servers.stop(server);
}
console.log(JSON.stringify(found));
