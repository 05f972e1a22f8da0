import assert from "node:assert/strict";
import {
  clientsFor,
  descriptorsFor,
  parseDescriptorsMax,
} from "./descriptors.ts";

Deno.test("clientsFor() never promises more than there is", () => {
  const least = descriptorsFor(1, 0);
  for (const limit of [least, least + 1, 256, 1024, 65536]) {
    assert.ok(descriptorsFor(clientsFor(limit, 0), 0) <= limit);
    assert.ok(descriptorsFor(clientsFor(limit, 0) + 1, 0) > limit);
  }
  assert.equal(clientsFor(10, 0), 1);
  assert.equal(clientsFor(null, 0), Infinity);
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

Deno.test("clientsFor() leaves room for the threads", () => {
  assert.ok(clientsFor(1024, 4) < clientsFor(1024, 0));
  assert.equal(clientsFor(descriptorsFor(77, 3), 3), 77);
});
