/** The order of texts in Python, which decides the order of files and of keys in YAML. */

/** By code points; JavaScript's own order is by UTF-16 unit. */
export function byCodePoint(left: string, right: string): number {
  const a = Array.from(left, (character) => character.codePointAt(0) ?? 0);
  const b = Array.from(right, (character) => character.codePointAt(0) ?? 0);
  const index = a.findIndex((point, at) => point !== b[at]);
  if (index === -1) return a.length - b.length;
  return (a[index] ?? 0) - (b[index] ?? -1);
}
