/**
 * Carries one address with the adapter of the agent until it is told to stop:
 * `vip_driver.ts ADDRESS/PREFIX INTERFACE`. What it logs goes to standard output.
 */
import { runHostProgram } from "../../../lib/adapters/os/host_programs.ts";
import { SystemClock } from "../../../lib/adapters/os/clock.ts";
import { VipLinux } from "../../../lib/adapters/os/vip_linux.ts";
import { parseVipAddress } from "../../../lib/config/sections/vip.ts";
import { after } from "../../../lib/core/base/units.ts";
import type { Vip } from "../../../lib/core/model/vip.ts";
import type { Log } from "../../../lib/ports/log.ts";

const LEASE_MS = 6_000;
const TURN_MS = 1_000;

const [address = "", name = ""] = Deno.args;
const parsed = parseVipAddress(address);
if (parsed === null) throw new Error(`no address: ${address}`);
const vip: Vip = {
  ...parsed,
  ...{ interface: name, role: "proxy", isReplicaFallback: false },
  ...{ gateway: null, announceEveryMs: null },
};
const clock = new SystemClock();
const log: Log = {
  debug: (text) => console.log(text),
  info: (text) => console.log(text),
  warning: (text) => console.log(text),
  error: (text) => console.log(text),
  critical: (text) => console.log(text),
};
const carrier = new VipLinux({ clock, log, run: runHostProgram });
const ending = new AbortController();
Deno.addSignalListener("SIGTERM", () => ending.abort());
while (!ending.signal.aborted) {
  const until = after(clock.now(), LEASE_MS);
  carrier.reconcile([{ vip, part: { kind: "carry", until } }]);
  await clock.sleep(TURN_MS, ending.signal);
}
await carrier.dropAll([vip]);
await carrier.close();
Deno.exit(0);
