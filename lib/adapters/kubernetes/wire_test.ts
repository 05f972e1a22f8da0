import assert from "node:assert/strict";
import { addressesOf } from "./servers.ts";
import { eventOf, Lines, listOf, objectOf, statusOf } from "./wire.ts";

const METADATA = { name: "a", resourceVersion: "12" };

Deno.test("lines are cut wherever the network cuts them", () => {
  const lines = new Lines();
  const text = '{"a":1}\n\n{"b":2}\n{"c"';
  const seen = [...text].flatMap((letter) => lines.add(letter));
  assert.deepEqual(seen, ['{"a":1}', '{"b":2}']);
  assert.deepEqual(lines.add(":3}\n"), ['{"c":3}']);
  const endless = new Lines();
  assert.throws(() => {
    for (let i = 0; i < 10; i++) endless.add("x".repeat(1 << 20));
  });
});

Deno.test("events are what the API server says", () => {
  const event = (type: string, object: object) =>
    eventOf(JSON.stringify({ type, object }));
  const put = event("MODIFIED", { metadata: METADATA });
  assert.ok(put.kind === "put" && put.object.version === 12n);
  assert.equal(event("ADDED", { metadata: METADATA }).kind, "put");
  assert.equal(event("DELETED", { metadata: METADATA }).kind, "deleted");
  assert.deepEqual(
    event("BOOKMARK", { metadata: { resourceVersion: "9" } }),
    { kind: "bookmark", version: 9n },
  );
  assert.deepEqual(event("ERROR", { code: 410 }), { kind: "too_old" });
  assert.deepEqual(event("ERROR", { code: 500, message: "no" }), {
    ...{ kind: "failed", why: "no" },
  });
  for (const line of ["", "x", "[]", '{"type":"ADDED"}', '{"type":"X"}']) {
    assert.throws(() => eventOf(line));
  }
});

Deno.test("what is no object of Kubernetes is refused, odd texts are left out", () => {
  for (const value of [null, [], {}, { metadata: { name: 1 } }]) {
    assert.throws(() => objectOf(value));
  }
  for (const resourceVersion of [undefined, "", "x", "-1", "1".repeat(30)]) {
    assert.throws(() => objectOf({ metadata: { name: "a", resourceVersion } }));
  }
  const annotations = { a: "1", b: 2, c: null };
  const object = objectOf({ metadata: { ...METADATA, annotations } });
  assert.deepEqual(object.annotations, { a: "1" });
  for (const text of ["{}", "[]", '{"kind":"Status"}', '{"kind":"List"}']) {
    assert.throws(() => listOf(text));
  }
  const list = listOf(JSON.stringify({
    ...{ kind: "PodList", metadata: { resourceVersion: "7" }, items: null },
  }));
  assert.deepEqual(list, { version: 7n, items: [] });
});

Deno.test("a status is told from another server's page", () => {
  assert.equal(statusOf("<html>"), null);
  assert.equal(statusOf('{"kind":"x"}'), null);
  assert.deepEqual(
    statusOf(JSON.stringify({
      ...{ kind: "Status", reason: "NotFound", message: "m" },
      details: { kind: "pods" },
    })),
    { reason: "NotFound", message: "m", kind: "pods" },
  );
});

Deno.test("API servers have the port named https, or the only one", () => {
  const ports = [{ name: "x", port: 1 }, { name: "https", port: 6443 }];
  const addresses = [{ ip: "10.0.0.1" }, { ip: "10.0.0.2" }, {}];
  assert.deepEqual(addressesOf(JSON.stringify([{ addresses, ports }])), [
    { host: "10.0.0.1", port: 6443 },
    { host: "10.0.0.2", port: 6443 },
  ]);
  for (const text of ["[]", "{}", "null", "[{}]", '[{"ports":[]}]']) {
    assert.deepEqual(addressesOf(text), []);
  }
});
