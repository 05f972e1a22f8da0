/** Just enough of protobuf's wire format to look into a message. */

/** The values of each field, in their order: numbers as bigint, everything else as bytes. */
export type Fields = ReadonlyMap<number, readonly (bigint | Uint8Array)[]>;

/** Takes a message apart. Throws on what is none. */
export function fieldsOf(bytes: Uint8Array): Fields {
  const fields = new Map<number, (bigint | Uint8Array)[]>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n;; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const taken = (length: number): Uint8Array => {
    if (at + length > bytes.length) throw new RangeError("message is cut off");
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const value = readValue(tag & 7, { varint, taken });
    const number = tag >> 3;
    fields.set(number, [...fields.get(number) ?? [], value]);
  }
  return fields;
}

interface Reading {
  readonly varint: () => bigint;
  readonly taken: (length: number) => Uint8Array;
}

function readValue(wire: number, { varint, taken }: Reading) {
  switch (wire) {
    case 0:
      return varint();
    case 1:
      return littleEndian(taken(8));
    case 2:
      return taken(Number(varint()));
    case 5:
      return littleEndian(taken(4));
    default:
      throw new RangeError(`wire type ${wire}`);
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => sum << 8n | BigInt(byte), 0n);
}

/** The messages of a field. */
export function messages(fields: Fields, number: number): readonly Fields[] {
  return (fields.get(number) ?? []).map((value) => fieldsOf(bytesOf(value)));
}

/** The last text of a field; empty: there is none. */
export function text(fields: Fields, number: number): string {
  const value = fields.get(number)?.at(-1);
  return value === undefined ? "" : new TextDecoder().decode(bytesOf(value));
}

/** The last bytes of a field as hexadecimal digits. */
export function hex(fields: Fields, number: number): string {
  const value = fields.get(number)?.at(-1);
  return value === undefined ? "" : bytesOf(value).toHex();
}

/** The last number of a field; zero: there is none. */
export function integer(fields: Fields, number: number): bigint {
  const value = fields.get(number)?.at(-1) ?? 0n;
  if (typeof value !== "bigint") throw new TypeError("bytes, no number");
  return value;
}

function bytesOf(value: bigint | Uint8Array): Uint8Array {
  if (typeof value === "bigint") throw new TypeError("a number, no bytes");
  return value;
}
