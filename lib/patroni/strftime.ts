/**
 * Times by a strftime pattern, as `log.dateformat` gives it.
 *
 * Source: docs/contract/configuration.md 3.2; Python's time.strftime in the C locale.
 */
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday"
  .split(" ");
const MONTHS =
  "January February March April May June July August September October November December"
    .split(" ");

/** The local time in the pattern's form; unknown directives stay as they are. */
export function strftime(pattern: string, wallTimeMs: number): string {
  const date = new Date(wallTimeMs);
  return pattern.replace(
    /%([a-zA-Z%])/g,
    (match, directive: string) => directiveText(directive, date) ?? match,
  );
}

function directiveText(directive: string, date: Date): string | null {
  switch (directive) {
    case "Y":
      return String(date.getFullYear());
    case "y":
      return two(date.getFullYear() % 100);
    case "m":
      return two(date.getMonth() + 1);
    case "d":
      return two(date.getDate());
    case "e":
      return String(date.getDate()).padStart(2);
    case "H":
      return two(date.getHours());
    case "I":
      return two(date.getHours() % 12 || 12);
    case "M":
      return two(date.getMinutes());
    case "S":
      return two(date.getSeconds());
    case "s":
      return String(Math.floor(date.getTime() / 1000));
    case "p":
      return date.getHours() < 12 ? "AM" : "PM";
    case "F":
      return strftime("%Y-%m-%d", date.getTime());
    case "T":
      return strftime("%H:%M:%S", date.getTime());
    case "%":
      return "%";
    default:
      return nameText(directive, date);
  }
}

function nameText(directive: string, date: Date): string | null {
  const day = DAYS[date.getDay()] ?? "";
  const month = MONTHS[date.getMonth()] ?? "";
  switch (directive) {
    case "a":
      return day.slice(0, 3);
    case "A":
      return day;
    case "b":
      return month.slice(0, 3);
    case "B":
      return month;
    case "j":
      return String(dayOfYear(date)).padStart(3, "0");
    case "z":
      return offsetText(-date.getTimezoneOffset());
    case "Z":
      return /\(([^()]*)\)/.exec(date.toString())?.[1]
        ?.replace("Coordinated Universal Time", "UTC") ?? "";
    default:
      return null;
  }
}

/** Counted in days, so that daylight saving does not matter. */
function dayOfYear(date: Date): number {
  const year = date.getFullYear();
  const day = Date.UTC(year, date.getMonth(), date.getDate());
  return (day - Date.UTC(year, 0, 1)) / 86_400_000 + 1;
}

function offsetText(minutes: number): string {
  const size = Math.abs(minutes);
  const sign = minutes < 0 ? "-" : "+";
  return `${sign}${two(Math.floor(size / 60))}${two(size % 60)}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
