/** Finds parts of PEM texts; what is in them is not looked at. */

const BEGIN = /-----BEGIN ([A-Z ]{0,24}PRIVATE KEY)-----/;

/**
 * The first private key in a PEM text, which may hold it beside a chain; `null`
 * if there is none, or one without an end.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const key = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----";
 * assert.equal(privateKeyIn(`chain\n${key}\n`), key);
 * assert.equal(privateKeyIn("chain"), null);
 * ```
 *
 * Source: RFC 7468 section 2.
 */
export function privateKeyIn(pem: string): string | null {
  const begin = BEGIN.exec(pem);
  if (begin === null) return null;
  const end = `-----END ${begin[1]}-----`;
  const endsAt = pem.indexOf(end, begin.index);
  return endsAt < 0 ? null : pem.slice(begin.index, endsAt + end.length);
}
