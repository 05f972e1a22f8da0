/**
 * JSON text as Patroni's clients see it: separators `, ` and `: `, everything
 * beyond ASCII escaped, keys in the order of insertion. Some tools compare
 * bodies as text, so spaces are part of the interface.
 *
 * Source: docs/contract/rest-api.md 2.1.
 */

/**
 * The text of a document; `undefined` fields are left out, bigints are numbers.
 *
 * @param value Plain data; its depth is bounded by who made it.
 */
export function pythonJson(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "bigint":
      return String(value);
    case "number":
      return Number.isFinite(value) ? String(value) : "null";
    case "boolean":
      return value ? "true" : "false";
    case "object":
      return value === null ? "null" : composite(value);
    case "undefined":
    case "function":
    case "symbol":
      return "null";
  }
}

function composite(value: object): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  const fields = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => `${quoted(key)}: ${pythonJson(item)}`);
  return `{${fields.join(", ")}}`;
}

function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
