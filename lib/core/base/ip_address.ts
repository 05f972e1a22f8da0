/** IP addresses as bytes. */

/**
 * The 4 or 16 bytes of an address as the kernel writes it; null: it is none.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual([...addressBytes("10.0.0.9") ?? []], [10, 0, 0, 9]);
 * assert.equal(addressBytes("fd00::9")?.at(-1), 9);
 * assert.equal(addressBytes("fd00::9::1"), null);
 * ```
 */
export function addressBytes(address: string): Uint8Array<ArrayBuffer> | null {
  if (!address.includes(":")) {
    const parts = numbers(address.split("."), 10, 0xff);
    return parts?.length === 4 ? Uint8Array.from(parts) : null;
  }
  const [head = "", tail, ...more] = address.split("::");
  const [before, after] = [groupsOf(head), groupsOf(tail ?? "")];
  const given = before.length + after.length;
  const zeros = tail === undefined ? 0 : 8 - given;
  if (more.length > 0 || zeros < 0 || given + zeros !== 8) return null;
  const middle = Array<string>(zeros).fill("0");
  const groups = numbers([...before, ...middle, ...after], 16, 0xffff);
  return groups === null
    ? null
    : Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function groupsOf(text: string): readonly string[] {
  return text === "" ? [] : text.split(":");
}

function numbers(
  parts: readonly string[],
  radix: 10 | 16,
  max: number,
): readonly number[] | null {
  const form = radix === 10 ? /^[0-9]{1,3}$/ : /^[0-9a-fA-F]{1,4}$/;
  const all = parts.map((part) =>
    form.test(part) ? Number.parseInt(part, radix) : -1
  );
  return all.every((n) => n >= 0 && n <= max) ? all : null;
}
