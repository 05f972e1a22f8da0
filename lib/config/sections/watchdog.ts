/** Section `watchdog`: the hardware fence. Source: docs/contract/configuration.md 3.14. */
import type * as z from "zod";
import { integer, optional, section, text } from "../fields.ts";
import type { WatchdogConfig } from "../local_config.ts";

/** Schema of the section `watchdog`. */
export const watchdogSection: z.ZodType<WatchdogConfig> = section({
  mode: optional<unknown, string>((value) => value, "automatic"),
  device: optional(text, "/dev/watchdog"),
  safety_margin: optional(integer({ min: -1 }), 5),
  driver: optional(text, "default"),
}).transform((raw): WatchdogConfig => ({
  mode: isDriver(raw.driver) ? watchdogModeOf(raw.mode) ?? "off" : "off",
  device: raw.device,
  safetyMarginS: raw.safety_margin,
  driver: raw.driver === "testing" ? "testing" : "default",
}));

/** Any other driver turns the watchdog off. Source: docs/contract/configuration.md 3.14. */
function isDriver(name: string): boolean {
  return name === "default" || name === "testing";
}

/** Meaning of `watchdog.mode`, `null` for a text that has none. */
export function watchdogModeOf(value: unknown): WatchdogConfig["mode"] | null {
  switch (String(value).toLowerCase()) {
    case "off":
    case "false":
    case "disable":
    case "disabled":
      return "off";
    case "auto":
    case "automatic":
      return "automatic";
    case "require":
    case "required":
      return "required";
    default:
      return null;
  }
}
