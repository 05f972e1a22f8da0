import assert from "node:assert/strict";
import { serversOf } from "./exhibitor.ts";
import { HostList, hostText } from "./hosts.ts";

function host(name: string) {
  return { host: name, port: 2181 };
}

async function namesOf(list: HostList): Promise<string> {
  return (await list.hosts()).map((one) => one.host).join();
}

Deno.test("a server that cannot be used comes last, others keep their place", async () => {
  const list = new HostList(["a", "b", "c"].map(host));
  const [first = host(""), second = host(""), third = host("")] = await list
    .hosts();
  assert.equal(new Set([first, second, third]).size, 3);
  list.leave(first);
  assert.deepEqual(await list.hosts(), [second, third, first]);
  list.leave(host("unknown"));
  assert.deepEqual(await list.hosts(), [second, third, first]);
});

Deno.test("another list keeps the order of those that stay", async () => {
  const list = new HostList([]);
  assert.ok(list.isEmpty);
  list.replace([host("a")]);
  list.replace([host("a"), host("b")]);
  assert.equal(await namesOf(list), "a,b");
  list.leave(host("a"));
  list.replace([host("a"), host("b")]);
  assert.equal(await namesOf(list), "b,a");
  list.replace([host("a")]);
  assert.equal(await namesOf(list), "a");
});

Deno.test("an address is shown as it is written", () => {
  assert.equal(hostText(host("a")), "a:2181");
  assert.equal(hostText(host("::1")), "[::1]:2181");
});

Deno.test("Exhibitor's list is read, whatever else stands in it", () => {
  const list = '{"servers":["a",7,"","b"],"port":"2181","more":{}}';
  assert.deepEqual(serversOf(list), [host("a"), host("b")]);
  for (const text of ["", "[]", "7", '{"servers":"a","port":1}', "{}"]) {
    assert.throws(() => serversOf(text), /no list of servers/);
  }
});
