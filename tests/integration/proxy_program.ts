/**
 * A proxy process for tests: `proxy_program.ts SOCKET PRIMARY_PORT BACKEND_PORT KEY`.
 * Its DCS is in its own memory and says that member n1 leads at BACKEND_PORT.
 */
import { ProxyRig } from "./proxy_rig.ts";

const [controlPath, primaryPort, backendPort, settingsKey] = Deno.args;
const rig = await ProxyRig.open({
  controlPath: controlPath ?? null,
  primaryPort: Number(primaryPort),
  settingsKey: settingsKey ?? null,
  lingerMs: 200,
  drainMs: 10_000,
});
await rig.keys.primary("n1", Number(backendPort));
await rig.keys.lead("n1");
await rig.proxy.ended;
Deno.exit(0);
