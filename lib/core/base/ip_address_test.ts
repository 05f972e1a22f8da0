import assert from "node:assert/strict";
import { addressBytes } from "./ip_address.ts";

const ADDRESSES: readonly (readonly [string, string | null])[] = [
  ["0.0.0.0", "00000000"],
  ["255.1.2.3", "ff010203"],
  ["::", "00000000000000000000000000000000"],
  ["::1", "00000000000000000000000000000001"],
  ["fe80::", "fe800000000000000000000000000000"],
  ["fd00:1::a:b", "fd0000010000000000000000000a000b"],
  ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
  ["256.0.0.1", null],
  ["1.2.3", null],
  ["1.2.3.x", null],
  ["", null],
  ["1:2:3", null],
  ["1::2::3", null],
  ["1:2:3:4:5:6:7:8:9", null],
  ["::12345", null],
  ["::g", null],
];

for (const [text, hex] of ADDRESSES) {
  Deno.test(`addressBytes(${JSON.stringify(text)})`, () => {
    assert.equal(addressBytes(text)?.toHex() ?? null, hex);
  });
}
