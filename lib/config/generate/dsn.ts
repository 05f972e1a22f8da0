/** Reads libpq connection texts: keywords or a URL. */

/** libpq keywords and their values. */
export type DsnValues = ReadonlyMap<string, string>;

const ITEM = /\s*(\w+)\s*=\s*(?:'((?:\\.|[^'\\])*)'|((?:\\.|[^\s'\\])*))/gsy;

/**
 * The keywords of a DSN; null if it is none.
 *
 * Source: PostgreSQL 17 manual, "Connection Strings".
 */
export function parseDsn(text: string): DsnValues | null {
  return /^postgres(?:ql)?:\/\//.test(text)
    ? urlValues(text)
    : keywordValues(text);
}

function keywordValues(text: string): DsnValues | null {
  const values = new Map<string, string>();
  const items = new RegExp(ITEM.source, ITEM.flags);
  let at = 0;
  while (text.slice(at).trim() !== "") {
    items.lastIndex = at;
    const match = items.exec(text);
    if (match === null) return null;
    const [, key = "", quoted, bare] = match;
    values.set(key, (quoted ?? bare ?? "").replace(/\\(.)/gs, "$1"));
    at = items.lastIndex;
  }
  return values;
}

function urlValues(text: string): DsnValues | null {
  const url = URL.parse(text);
  if (url === null) return null;
  const parts: readonly (readonly [string, string])[] = [
    ["host", url.hostname.replace(/^\[(.*)\]$/, "$1")],
    ["port", url.port],
    ["user", url.username],
    ["password", url.password],
    ["dbname", url.pathname.slice(1)],
  ];
  const values = new Map<string, string>(url.searchParams);
  for (const [key, value] of parts) {
    if (value !== "") values.set(key, decodeURIComponent(value));
  }
  return values;
}
