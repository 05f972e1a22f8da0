/**
 * `takeover` in the dynamic configuration: off, on, or on with other times. What
 * cannot be read leaves it off.
 */
import { parseBool } from "../base/scalars.ts";
import { DEFAULT_TAKEOVER, type TakeoverTiming } from "../model/settings.ts";
import { asObject, type JsonObject, readScalarText } from "./json.ts";

/** Shorter ones would be missed by a pulse every 250 ms; longer ones are no use beside a ttl. */
const SECONDS = {
  suspect_after: { min: 0.75, max: 60 },
  veto_time: { min: 0.3, max: 10 },
} as const;

/** Times, or null: it is off; and what there is to say of the section. */
export interface TakeoverReading {
  readonly timing: TakeoverTiming | null;
  readonly problems: readonly string[];
}

/**
 * The section in a document.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { readTakeover } from "./takeover_codec.ts";
 * assert.equal(readTakeover({}).timing, null);
 * assert.equal(readTakeover({ takeover: "on" }).timing?.vetoTimeMs, 700);
 * const slow = readTakeover({ takeover: { suspect_after: 3 } });
 * assert.deepEqual(slow.timing, { suspectAfterMs: 3000, vetoTimeMs: 700 });
 * ```
 */
export function readTakeover(document: JsonObject): TakeoverReading {
  const value = document["takeover"];
  const section = asObject(value);
  if (section !== null) return readTimes(section);
  if (value === undefined || value === null) return off();
  const isOn = parseBool(value);
  if (isOn === null) return off(wrong("takeover", value));
  return isOn ? { timing: DEFAULT_TAKEOVER, problems: [] } : off();
}

function readTimes(section: JsonObject): TakeoverReading {
  const suspect = readSeconds(section, "suspect_after");
  const veto = readSeconds(section, "veto_time");
  const others = Object.keys(section).filter((key) =>
    !Object.hasOwn(SECONDS, key)
  );
  const problems = [
    ...suspect.problems,
    ...veto.problems,
    ...others.map((key) => `takeover.${key} sets nothing`),
  ];
  if (suspect.ms === null || veto.ms === null) {
    return { timing: null, problems };
  }
  return {
    timing: {
      suspectAfterMs: suspect.ms ?? DEFAULT_TAKEOVER.suspectAfterMs,
      vetoTimeMs: veto.ms ?? DEFAULT_TAKEOVER.vetoTimeMs,
    },
    problems,
  };
}

/** `ms` undefined: not given; null: unusable. */
function readSeconds(
  section: JsonObject,
  key: keyof typeof SECONDS,
): { readonly ms?: number | null; readonly problems: readonly string[] } {
  if (!Object.hasOwn(section, key)) return { problems: [] };
  const given = section[key];
  const name = `takeover.${key}`;
  const seconds = decimal(given);
  if (seconds === null) return { ms: null, problems: [wrong(name, given)] };
  const { min, max } = SECONDS[key];
  const used = Math.min(Math.max(seconds, min), max);
  const problems = used === seconds ? [] : [
    `${name}=${seconds} must be between ${min} and ${max}, adjusting...`,
  ];
  return { ms: Math.round(used * 1000), problems };
}

function decimal(value: unknown): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "string") return null;
  return /^[0-9]{1,6}(?:\.[0-9]{1,6})?$/.test(value) ? Number(value) : null;
}

function off(...problems: readonly string[]): TakeoverReading {
  return { timing: null, problems };
}

function wrong(key: string, value: unknown): string {
  const text = readScalarText(value) ?? JSON.stringify(value);
  return key === "takeover"
    ? `takeover=${text} is neither on, off nor a section: it stays off`
    : `${key}=${text} is not a number of seconds: takeover stays off`;
}
