/**
 * Times in the text that Patroni's clients see: Python's, not PostgreSQL's.
 *
 * Source: docs/contract/rest-api.md 2.1, 6.
 */
import { withoutTrailing } from "../core/base/trailing.ts";

const PG_TIME =
  /^(\d{4,}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?([+-]\d\d)(?::?(\d\d))?$/;

/**
 * Python's text of a timestamp: six digits of fraction or none, offset with
 * minutes. Text that is no timestamp stays as it is.
 */
export function pythonTime(text: string): string {
  const match = PG_TIME.exec(text);
  if (match === null) return text;
  const digits = (match[3] ?? "").padEnd(6, "0");
  const fraction = digits === "000000" ? "" : `.${digits}`;
  return `${match[1]} ${match[2]}${fraction}${match[4]}:${match[5] ?? "00"}`;
}

/**
 * Seconds since the epoch, as a decimal number with its fraction; `0` for null
 * and for text that is no timestamp.
 */
export function epochText(text: string | null): string {
  const match = text === null ? null : PG_TIME.exec(text);
  if (match === null) return "0";
  const whole = `${match[1]}T${match[2]}${match[4]}:${match[5] ?? "00"}`;
  const seconds = Date.parse(whole) / 1000;
  const fraction = withoutTrailing(match[3] ?? "", "0");
  return `${seconds}.${fraction === "" ? "0" : fraction}`;
}

/** `2024-08-28T21:39:26.352000+02:00`, in the local zone: what isoformat() makes of a time with six digits. */
export function isoFormat(time: Date): string {
  const offsetMinutes = -time.getTimezoneOffset();
  const local = new Date(time.getTime() + offsetMinutes * 60_000);
  const sign = offsetMinutes < 0 ? "-" : "+";
  const [hours, minutes] = [
    Math.floor(Math.abs(offsetMinutes) / 60),
    Math.abs(offsetMinutes) % 60,
  ].map((part) => String(part).padStart(2, "0"));
  return `${local.toISOString().slice(0, 23)}000${sign}${hours}:${minutes}`;
}
