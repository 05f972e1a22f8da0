/** Addresses of proxies that the cluster page asks, and what is none. */
import assert from "node:assert/strict";
import { Wanted } from "../fields.ts";
import { uiProxies } from "./ui_proxies.ts";

Deno.test("ui_proxies: addresses of statistics ports, each once", () => {
  assert.deepEqual(
    uiProxies.read([
      "http://app1:7000",
      "https://[::1]:7/",
      "http://app1:7000/",
    ]),
    ["http://app1:7000", "https://[::1]:7"],
  );
  assert.deepEqual(uiProxies.read("http://app1:7000"), ["http://app1:7000"]);
  assert.deepEqual(uiProxies.read([]), []);
});

Deno.test("ui_proxies: what is no such address is refused", () => {
  const many = Array.from({ length: 65 }, (_, at) => `http://app${at}:7000`);
  for (
    const value of [
      ...["app1:7000", "http://user:secret@app1:7000", "http://a:7000/stats"],
      ...["ftp://a", "http://a/?b", 7, null, {}, [["http://a"]], many],
    ]
  ) {
    const read = uiProxies.read(value);
    assert.ok(read instanceof Wanted, JSON.stringify(value));
    assert.match(read.text, /as http:\/\/HOST:7000, without user/);
  }
});
