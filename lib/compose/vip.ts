/** Connects the configured virtual addresses with this host. */
import { runHostProgram } from "../adapters/os/host_programs.ts";
import { HostVips } from "../adapters/os/vip_host.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { LocalConfig } from "../config/local_config.ts";

/**
 * The carrier of this host. With addresses in the configuration it says at once
 * what is missing on this host; without, it is there for a reload that adds some.
 */
export async function vipCarrier(
  config: LocalConfig,
  ports: { readonly clock: Clock; readonly log: Log },
): Promise<HostVips> {
  const carrier = new HostVips({ ...ports, run: runHostProgram });
  if (config.vip.length > 0) await carrier.check(config.vip);
  return carrier;
}
