/**
 * The line templates of Python's logging: `%(asctime)s %(levelname)s: ...`, with
 * its numbers of levels and its form of times.
 *
 * Source: docs/contract/configuration.md 3.2; Python's logging.Formatter.
 */

/** Patroni's template. */
export const DEFAULT_TEMPLATE = "%(asctime)s %(levelname)s: %(message)s";

const PLACEHOLDER = /%(?:\((\w+)\)([-+ #0]*)([1-9]\d*)?(?:\.(\d+))?([sdf])|%)/g;

const LEVEL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ["DEBUG", 10],
  ["INFO", 20],
  ["WARN", 30],
  ["WARNING", 30],
  ["ERROR", 40],
  ["FATAL", 50],
  ["CRITICAL", 50],
]);

/** The number of a level by its configured name, as `%(levelno)s` shows it; INFO's for unknown names. */
export function levelNumber(name: string): number {
  return LEVEL_NUMBERS.get(name) ?? 20;
}

/** `YYYY-MM-DD HH:MM:SS,mmm` in the local zone: 23 characters. */
export function asctime(wallTimeMs: number): string {
  const date = new Date(wallTimeMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()];
  const milliseconds = String(date.getMilliseconds()).padStart(3, "0");
  return `${day.map(two).join("-")} ${time.map(two).join(":")},${milliseconds}`;
}

/**
 * The template with its attributes filled in.
 *
 * @param valueOf Null if there is no such attribute: it stays as it is written.
 */
export function fillTemplate(
  template: string,
  valueOf: (attribute: string) => string | number | null,
): string {
  return template.replaceAll(PLACEHOLDER, (match, ...groups) => {
    const [attribute, flags, width, precision, kind]: (string | undefined)[] =
      groups;
    if (attribute === undefined) return "%";
    const value = valueOf(attribute);
    return value === null
      ? match
      : printed(value, { flags, width, precision, kind });
  });
}

/** The attributes that the template names, in its order. */
export function templateAttributes(template: string): readonly string[] {
  return [...template.matchAll(PLACEHOLDER)]
    .flatMap(([, attribute]) => attribute === undefined ? [] : [attribute]);
}

interface PrintRule {
  readonly flags: string | undefined;
  readonly width: string | undefined;
  readonly precision: string | undefined;
  readonly kind: string | undefined;
}

function printed(value: string | number, rule: PrintRule): string {
  const width = Number(rule.width ?? 0);
  const flags = rule.flags ?? "";
  const text = printedValue(value, rule);
  if (flags.includes("-")) return text.padEnd(width);
  const isZeroed = flags.includes("0") && rule.kind !== "s";
  return text.padStart(width, isZeroed ? "0" : " ");
}

function printedValue(
  value: string | number,
  { kind, precision }: PrintRule,
): string {
  if (kind === "f") return Number(value).toFixed(Number(precision ?? 6));
  if (kind === "d") return String(Math.trunc(Number(value)));
  const text = String(value);
  return precision === undefined ? text : text.slice(0, Number(precision));
}
