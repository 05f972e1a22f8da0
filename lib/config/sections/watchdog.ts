/** Section `watchdog`: the hardware fence. Source: docs/contract/configuration.md 3.14. */
import { type KeyMap, section, type ValueType } from "../keys/key.ts";
import {
  changed,
  integer,
  text,
  unchecked,
  wordOr,
  type Words,
} from "../keys/types.ts";
import { oneOfAnyCase, type Place } from "../validate/checks.ts";

/** Section `watchdog` as the agent uses it. */
export interface WatchdogConfig {
  readonly mode: "off" | "automatic" | "required";
  readonly device: string;
  /** -1: half of the TTL. */
  readonly safetyMarginS: number;
  /** `testing`: the device is a pipe that a test reads. */
  readonly driver: "default" | "testing";
}

const MODES: Words<WatchdogConfig["mode"]> = {
  words: {
    off: "off",
    false: "off",
    disable: "off",
    disabled: "off",
    automatic: "automatic",
    auto: "automatic",
    required: "required",
    require: "required",
  },
  otherwise: "off",
  doubt: (value) => `Watchdog mode ${value} not recognized, disabling watchdog`,
};

const knownMode = oneOfAnyCase(
  ...Object.keys(MODES.words).filter((word) => word !== "false"),
);

/** YAML reads a bare `off` as false. */
function checkMode(value: unknown, at: Place): Promise<readonly string[]> {
  return value === false ? Promise.resolve([]) : knownMode(value, at);
}

/** The keys of the section. */
export const WATCHDOG_KEYS = {
  mode: {
    type: wordOr(MODES),
    fallback: "automatic",
    check: checkMode,
    meaning: "off, automatic or required",
  },
  device: { type: text, fallback: "/dev/watchdog", meaning: "The device" },
  safety_margin: {
    type: integer({ min: -1 }),
    field: "safetyMarginS",
    fallback: 5,
    meaning: "Seconds between its time limit and the ttl; -1: half of the ttl",
  },
  driver: {
    type: unchecked(text),
    fallback: "default",
    meaning: "testing exists for tests",
  },
} as const satisfies KeyMap;

/** The section; an unknown driver turns the watchdog off. */
export const watchdog: ValueType<WatchdogConfig> = changed(
  section(WATCHDOG_KEYS),
  ({ driver, mode, ...rest }) => ({
    ...rest,
    mode: driver === "default" || driver === "testing" ? mode : "off",
    driver: driver === "testing" ? "testing" : "default",
  }),
);
