import assert from "node:assert/strict";
import {
  clientsFor,
  descriptorsFor,
  parseDescriptorsMax,
} from "./descriptors.ts";

Deno.test("clientsFor() never promises more than there is", () => {
  for (const limit of [98, 99, 256, 1024, 65536]) {
    assert.ok(descriptorsFor(clientsFor(limit)) <= limit);
    assert.ok(descriptorsFor(clientsFor(limit) + 1) > limit);
  }
  assert.equal(clientsFor(10), 1);
  assert.equal(clientsFor(null), Infinity);
});

Deno.test("parseDescriptorsMax() reads the soft limit", () => {
  const text = [
    "Limit                     Soft Limit           Hard Limit           Units",
    "Max processes             unlimited            unlimited            processes",
    "Max open files            1024                 524288               files",
  ].join("\n");
  assert.equal(parseDescriptorsMax(text), 1024);
  assert.equal(
    parseDescriptorsMax("Max open files   unlimited   unlimited   files"),
    null,
  );
});
