import assert from "node:assert/strict";
import { ownNames } from "./own_names.ts";

Deno.test("ownNames() takes the host's word for its names, not a stranger's", () => {
  const names = ownNames("DB1.corp.example", {
    hosts: [
      "# db1.evil.example",
      "127.0.0.1 localhost",
      "127.0.1.1\tdb1.lan db1 # the host",
      "10.0.0.9 other.example",
    ].join("\n"),
    resolv: "nameserver 10.0.0.1\nsearch a.example b.example.\n; domain c",
  });
  assert.deepEqual([...names].sort(), [
    "db1",
    "db1.a.example",
    "db1.b.example",
    "db1.corp.example",
    "db1.lan",
  ]);
  const none = ownNames("", { hosts: "", resolv: "" });
  assert.equal(none.has("evil.example"), false);
});
