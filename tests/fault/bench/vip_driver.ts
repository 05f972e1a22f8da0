/**
 * Carries one address with the adapter of the agent until it is told to stop:
 * `vip_driver.ts ADDRESS/PREFIX INTERFACE [EXTRAS [leave]]`, EXTRAS being JSON of
 * further fields. What it logs goes to standard output. With `leave` it makes the
 * host carry nothing, as a member that does not lead.
 */
import { runHostProgram } from "../../../lib/adapters/os/host_programs.ts";
import { SystemClock } from "../../../lib/adapters/os/clock.ts";
import { VipLinux } from "../../../lib/adapters/os/vip_linux.ts";
import { parseVipAddress } from "../../../lib/config/sections/vip.ts";
import { after } from "../../../lib/core/base/units.ts";
import { BARE_VIP, type Vip } from "../../../lib/core/model/vip.ts";
import type { Log } from "../../../lib/ports/log.ts";

const LEASE_MS = 6_000;
const TURN_MS = 1_000;

const [address = "", name = "", extras = "{}", leave] = Deno.args;
const parsed = parseVipAddress(address);
if (parsed === null) throw new Error(`no address: ${address}`);
const vip: Vip = {
  ...parsed,
  ...{ interface: name, role: "proxy", isReplicaFallback: false },
  ...{ gateway: null, ...BARE_VIP, announceEveryMs: null },
  ...JSON.parse(extras),
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
  const carry = { kind: "carry", until } as const;
  const part = leave === undefined ? carry : { kind: "none" } as const;
  carrier.reconcile([{ vip, part }]);
  await clock.sleep(TURN_MS, ending.signal);
}
await carrier.dropAll([vip]);
await carrier.close();
Deno.exit(0);
