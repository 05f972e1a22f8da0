/**
 * Times in the text that Patroni's clients see: Python's, not PostgreSQL's.
 *
 * Source: docs/contract/rest-api.md 2.1, 6.
 */

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
  const fraction = (match[3] ?? "").replace(/(?<!0)0+$/, "");
  return `${seconds}.${fraction === "" ? "0" : fraction}`;
}
