/**
 * Reads the date-times that people give for scheduled switchovers and restarts,
 * in the usual spellings of ISO 8601, and writes them with their own offset.
 *
 * Source: docs/contract/rest-api.md 9.1, 9.2.
 */

/** What a text for a scheduled moment comes to. */
export type ScheduledTime =
  | {
    readonly kind: "time";
    readonly epochMs: number;
    /** ISO 8601 with the offset as given. */
    readonly iso: string;
  }
  | { readonly kind: "no_zone" }
  | { readonly kind: "unreadable" };

const FORM = new RegExp(
  "^(?<year>\\d{4})-?(?<month>\\d\\d)-?(?<day>\\d\\d)" +
    "(?:[T ]\\s*(?<hour>\\d{1,2}):?(?<minute>\\d\\d)" +
    "(?::?(?<second>\\d\\d)(?:[.,](?<fraction>\\d{1,9}))?)?)?" +
    "\\s*(?<zone>Z|UTC|GMT|[+-]\\d{1,2}(?::?\\d\\d)?)?$",
  "i",
);

/** The moment that `text` names. */
export function parseScheduledTime(text: string): ScheduledTime {
  const groups = FORM.exec(text.trim())?.groups;
  if (groups === undefined) return { kind: "unreadable" };
  const day = `${groups["year"]}-${groups["month"]}-${groups["day"]}`;
  const time = [groups["hour"], groups["minute"], groups["second"]]
    .map((part) => (part ?? "0").padStart(2, "0")).join(":");
  const localMs = Date.parse(`${day}T${time}Z`);
  if (Number.isNaN(localMs) || !isRealDay(day, localMs)) {
    return { kind: "unreadable" };
  }
  if (groups["zone"] === undefined) return { kind: "no_zone" };
  const offset = offsetOf(groups["zone"]);
  if (offset === null) return { kind: "unreadable" };
  const fraction = fractionText(groups["fraction"]);
  return {
    kind: "time",
    epochMs: localMs - offset.minutes * 60_000 +
      Math.floor(Number(`0${fraction}`) * 1000),
    iso: `${day}T${time}${fraction}${offset.text}`,
  };
}

/** JavaScript takes February 30 for March 1. */
function isRealDay(day: string, localMs: number): boolean {
  return new Date(localMs).toISOString().startsWith(day);
}

function fractionText(digits: string | undefined): string {
  const micros = (digits ?? "").padEnd(6, "0").slice(0, 6);
  return micros === "000000" ? "" : `.${micros}`;
}

function offsetOf(
  zone: string,
): { readonly minutes: number; readonly text: string } | null {
  const match = /^([+-])(\d{1,2}):?(\d\d)?$/.exec(zone);
  if (match === null) return { minutes: 0, text: "+00:00" };
  const [hours, minutes] = [Number(match[2]), Number(match[3] ?? 0)];
  if (hours > 23 || minutes > 59) return null;
  const sign = match[1] === "-" ? -1 : 1;
  const text = `${match[1]}${String(hours).padStart(2, "0")}:${
    String(minutes).padStart(2, "0")
  }`;
  return { minutes: sign * (hours * 60 + minutes), text };
}
