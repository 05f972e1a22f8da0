import assert from "node:assert/strict";
import { Networks } from "./networks.ts";

Deno.test("networks: a list lets in what lies inside, of both families", () => {
  const some = new Networks(["10.1.0.0/16", "192.0.2.7", "2001:db8::/32"]);
  const cases = [
    ["10.1.255.255", true],
    ["10.2.0.0", false],
    ["192.0.2.7", true],
    ["192.0.2.8", false],
    ["::ffff:10.1.2.3", true],
    ["::ffff:10.2.2.3", false],
    ["2001:db8:1::1", true],
    ["2001:db9::1", false],
    ["nonsense", false],
  ] as const;
  for (const [address, isIn] of cases) {
    assert.equal(some.includes(address), isIn, address);
  }
});

Deno.test("networks: an empty list lets everybody in", () => {
  assert.equal(new Networks([]).includes("203.0.113.9"), true);
});

Deno.test("networks: a list with something else is refused", () => {
  for (const text of ["10.0.0.0/33", "host", "1.2.3.4/8/9", "::/129", "1/x"]) {
    assert.throws(() => new Networks([text]), RangeError, text);
  }
});
