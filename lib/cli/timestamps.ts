/**
 * Times as people type them and as our lines show them.
 *
 * Typed times without a zone mean the local zone; what is sent to the REST API
 * always carries one. Source: docs/contract/cli.md A8.
 */
import { CliError } from "./errors.ts";

/** A wall-clock time in the local zone. */
export interface LocalTime {
  /** `YYYY-MM-DD HH:MM:SS`. */
  readonly text: string;
  /** Three digits. */
  readonly milliseconds: string;
}

/** @param wallTimeMs Milliseconds since the epoch. */
export function localTime(wallTimeMs: number): LocalTime {
  const date = new Date(wallTimeMs);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return {
    text: `${day.map(twoDigits).join("-")} ${time.map(twoDigits).join(":")}`,
    milliseconds: String(date.getMilliseconds()).padStart(3, "0"),
  };
}

/** `YYYY-MM-DD HH:MM:SS.fffff`, local zone, as result lines begin with it. */
export function lineTimestamp(wallTimeMs: number): string {
  const { text, milliseconds } = localTime(wallTimeMs);
  return `${text}.${milliseconds}00`;
}

/** One hour from now as an example for prompts: `YYYY-MM-DDTHH:MM`. */
export function exampleTime(wallTimeMs: number): string {
  const { text } = localTime(wallTimeMs + 3_600_000);
  return text.slice(0, 16).replace(" ", "T");
}

/** `YYYY-MM-DD HH:MM:SS+00:00` of an ISO text, as questions show it. */
export function questionTime({ iso }: ScheduledTime): string {
  return iso.replace("T", " ");
}

/** A moment that something is scheduled for. */
export interface ScheduledTime {
  /** ISO 8601 with the zone as typed, or the local one. */
  readonly iso: string;
  readonly wallTimeMs: number;
}

const DATE = "(?:(\\d{4})-(\\d\\d?)-(\\d\\d?)|(\\d{4})(\\d\\d)(\\d\\d))";
const TIME = "(\\d\\d?):?(\\d\\d)(?::?(\\d\\d)(?:[.,](\\d{1,9}))?)?";
const ZONE = "(Z|UTC|GMT|[+-]\\d{1,2}(?::?\\d\\d)?)";
const FORM = new RegExp(
  `^(?:${DATE}(?:[T ]{1,9}|$))?(?:${TIME})?\\s*${ZONE}?$`,
  "i",
);

/**
 * Reads what a user typed for "when".
 *
 * @returns null for `now` and for nothing.
 * @throws {CliError} If it cannot be understood, or names a time of the local
 * zone that there is not.
 */
export function parseSchedule(
  text: string | null,
  nowMs: number,
): ScheduledTime | null {
  const typed = text?.trim() ?? "";
  if (typed === "" || typed.toLowerCase() === "now") return null;
  const time = readTime(typed, nowMs);
  if (time !== null) return time;
  throw new CliError(
    `Unable to parse scheduled timestamp (${text}). ` +
      "It should be in an unambiguous format (e.g. ISO 8601)",
  );
}

interface Fields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly microsecond: number;
}

function readTime(text: string, nowMs: number): ScheduledTime | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const [, y, mo, d, y2, mo2, d2, h, mi, s, fraction, zone] = match;
  const hasDate = (y ?? y2) !== undefined;
  if (!hasDate && !text.includes(":")) return null;
  const today = new Date(nowMs);
  const fields: Fields = {
    year: Number(y ?? y2 ?? today.getFullYear()),
    month: Number(mo ?? mo2 ?? today.getMonth() + 1),
    day: Number(d ?? d2 ?? today.getDate()),
    hour: Number(h ?? 0),
    minute: Number(mi ?? 0),
    second: Number(s ?? 0),
    microsecond: Number((fraction ?? "").padEnd(6, "0").slice(0, 6)),
  };
  if (!isCalendarTime(fields)) return null;
  const offset = zone === undefined
    ? localOffsetMinutes(fields)
    : offsetMinutes(zone);
  return offset === null ? null : {
    iso: isoText(fields, offset),
    wallTimeMs: utcMs(fields) - offset * 60_000,
  };
}

function utcMs({ year, month, day, ...time }: Fields): number {
  const { hour, minute, second, microsecond } = time;
  return Date.UTC(year, month - 1, day, hour, minute, second) +
    Math.floor(microsecond / 1000);
}

/** A 31 February moves on to March when it becomes a date; refuse that. */
function isCalendarTime(fields: Fields): boolean {
  const { year, month, day, hour, minute, second } = fields;
  const date = new Date(utcMs(fields));
  return year >= 1000 && date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day && hour <= 23 && minute <= 59 && second <= 59;
}

/** Where the clocks are set forward, an hour of that day is missing. */
function localOffsetMinutes(fields: Fields): number {
  const { year, month, day, hour, minute, second } = fields;
  const local = new Date(year, month - 1, day, hour, minute, second);
  const parts = [local.getDate(), local.getHours(), local.getMinutes()];
  if (`${parts}` === `${[day, hour, minute]}`) {
    return -local.getTimezoneOffset();
  }
  const { text } = localTime(local.getTime());
  throw new CliError(
    `There is no ${isoText(fields, null).replace("T", " ")} in the local ` +
      `zone: the clocks skip it, the nearest time is ${text}. Give another ` +
      "time, or one with its zone (2030-01-31T02:30+01:00)",
  );
}

function offsetMinutes(zone: string): number | null {
  const match = /^([+-])(\d{1,2}):?(\d\d)?$/.exec(zone);
  if (match === null) return 0;
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0);
  if (minutes >= 24 * 60) return null;
  return match[1] === "-" ? -minutes : minutes;
}

function isoText(fields: Fields, offset: number | null): string {
  const { year, month, day, hour, minute, second, microsecond } = fields;
  const fraction = microsecond === 0
    ? ""
    : `.${String(microsecond).padStart(6, "0")}`;
  const date = [year, month, day].map(twoDigits).join("-");
  const time = [hour, minute, second].map(twoDigits).join(":");
  return `${date}T${time}${fraction}${offset === null ? "" : zoneText(offset)}`;
}

function zoneText(offset: number): string {
  const size = Math.abs(offset);
  const zone = [Math.floor(size / 60), size % 60].map(twoDigits).join(":");
  return `${offset < 0 ? "-" : "+"}${zone}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
