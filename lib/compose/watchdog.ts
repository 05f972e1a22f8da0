/** Connects the section `watchdog` with the device. */
import {
  KernelDriver,
  TestingDriver,
  WatchdogLinux,
} from "../adapters/os/watchdog_linux.ts";
import { StartRefusedError } from "../agent/startup.ts";
import type { LocalConfig } from "../config/local_config.ts";
import type { Watchdog } from "../ports/watchdog.ts";

/**
 * The device that the configuration names; nothing is opened yet.
 *
 * @returns Null where no device can be.
 * @throws {StartRefusedError} If one is required where none can be.
 */
export function watchdogDevice(
  { watchdog }: LocalConfig,
  platform: typeof Deno.build.os = Deno.build.os,
): Watchdog | null {
  if (platform === "linux") {
    const isTesting = watchdog.driver === "testing";
    return new WatchdogLinux(
      watchdog.device,
      isTesting ? new TestingDriver() : new KernelDriver(),
    );
  }
  if (watchdog.mode !== "required") return null;
  throw new StartRefusedError(
    "Configuration requires a watchdog, but watchdog is not supported on this platform",
  );
}
