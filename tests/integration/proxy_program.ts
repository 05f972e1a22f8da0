/**
 * A proxy process for tests: `proxy_program.ts SOCKET PRIMARY_PORT BACKEND_PORT
 * [EDITION [FRONT [STATS_PORT [SOCKET_FOLDER]]]]`. Its DCS is in its own memory and says that
 * member n1 leads at BACKEND_PORT; with port 0 its DCS does not answer.
 */
import { SystemClock } from "../../lib/adapters/os/clock.ts";
import { ProxyRig, STATS } from "./proxy_rig.ts";

const [controlPath, primaryPort, backendPort, edition, front, ...more] =
  Deno.args;
const [statsPort, folder] = more;
const backend = Number(backendPort);
try {
  const rig = await ProxyRig.open({
    // One time for all processes of the host.
    clock: new SystemClock(),
    prepare: async (keys) => {
      await keys.primary("n1", backend);
      await keys.lead("n1");
    },
    isCutOff: backend === 0,
    controlPath: controlPath ?? null,
    edition: edition ?? null,
    version: edition ?? "0.0.0",
    front: front === "portable" ? front : "workers",
    primaryPort: Number(primaryPort),
    sockets: folder === undefined ? null : { folder, mode: 0o700 },
    stats: { ...STATS, port: Number(statsPort ?? 0) },
    lingerMs: 200,
    drainMs: 10_000,
  });
  await rig.proxy.ended;
  Deno.exit(0);
} catch (error) {
  console.error(String(error));
  Deno.exit(1);
}
