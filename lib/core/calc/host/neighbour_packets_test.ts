import assert from "node:assert/strict";
import { addressBytes } from "../../base/ip_address.ts";
import {
  advertisedHardware,
  advertisement,
  hardwareBytes,
  solicitation,
  solicitedNode,
} from "./neighbour_packets.ts";

const TARGET = addressBytes("fd00::12:3456") ?? new Uint8Array(16);
const HARDWARE = hardwareBytes("52:6f:80:fc:47:73") ?? new Uint8Array(6);

Deno.test("neighbour messages byte by byte", () => {
  assert.equal(
    solicitation(TARGET, HARDWARE).toHex(),
    "8700000000000000fd000000000000000000000000123456" + "0101526f80fc4773",
  );
  assert.equal(
    advertisement(TARGET, HARDWARE).toHex(),
    "8800000020000000fd000000000000000000000000123456" + "0201526f80fc4773",
  );
  assert.equal(
    solicitedNode(TARGET).toHex(),
    addressBytes("ff02::1:ff12:3456")?.toHex(),
  );
});

Deno.test("advertisedHardware() finds the owner, and only of that address", () => {
  const answer = advertisement(TARGET, HARDWARE);
  assert.equal(advertisedHardware(answer, TARGET), "52:6f:80:fc:47:73");
  const other = addressBytes("fd00::1") ?? TARGET;
  assert.equal(advertisedHardware(answer, other), null);
  const question = solicitation(TARGET, HARDWARE);
  assert.equal(advertisedHardware(question, TARGET), null);
  assert.equal(advertisedHardware(answer.subarray(0, 20), TARGET), null);
  assert.match(
    advertisedHardware(answer.subarray(0, 24), TARGET) ?? "",
    /unknown/,
  );
  // Another option before it, and one without length.
  const long = new Uint8Array([
    ...answer.subarray(0, 24),
    ...[14, 1, 0, 0, 0, 0, 0, 0],
    ...answer.subarray(24),
  ]);
  assert.equal(advertisedHardware(long, TARGET), "52:6f:80:fc:47:73");
  long[25] = 0;
  assert.equal(advertisedHardware(long, TARGET), null);
});

Deno.test("hardwareBytes() refuses what is no Ethernet address", () => {
  for (const text of ["", "00:11:22:33:44", "00:11:22:33:44:5g", "lo"]) {
    assert.equal(hardwareBytes(text), null);
  }
});
