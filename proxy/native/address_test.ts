import assert from "node:assert/strict";
import { addressIn, portIn, socketAddress } from "./address.ts";

Deno.test("socketAddress() and back: both families, short and long forms", () => {
  const cases = [
    ["127.0.0.1", "127.0.0.1"],
    ["0.0.0.0", "0.0.0.0"],
    ["::", "0:0:0:0:0:0:0:0"],
    ["::1", "0:0:0:0:0:0:0:1"],
    ["2001:db8::5", "2001:db8:0:0:0:0:0:5"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["fe80::1%3", "fe80:0:0:0:0:0:0:1"],
  ] as const;
  for (const [text, want] of cases) {
    const address = socketAddress(text, 5432);
    assert.ok(address, text);
    assert.deepEqual([addressIn(address.bytes), portIn(address.bytes)], [
      want,
      5432,
    ]);
  }
});

Deno.test("socketAddress() takes numeric addresses only", () => {
  for (const text of ["db.example.org", "", "1.2.3", "[::1]", "fe80::1%eth0"]) {
    assert.equal(socketAddress(text, 1), null, text);
  }
});
