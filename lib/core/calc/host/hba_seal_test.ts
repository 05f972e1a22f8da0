import assert from "node:assert/strict";
import type { HbaRule } from "../../model/hba_rule.ts";
import { letsProxyIn, sealBreach } from "./hba_seal.ts";

const AGENTS = ["postgres", "replicator", "rewinder"];

function rule(address: string, given: Partial<HbaRule> = {}): HbaRule {
  const [host = "", bits] = address.split("/");
  return {
    type: "host",
    databases: ["all"],
    users: ["all"],
    address: host,
    bits: bits === undefined ? null : Number(bits),
    method: "scram-sha-256",
    ...given,
  };
}

const CASES: readonly (readonly [string, HbaRule, string | null])[] = [
  ["the loopback", rule("127.0.0.1/32"), null],
  ["all of the loopback", rule("127.0.0.0/8"), null],
  ["the loopback of IPv6", rule("::1/128"), null],
  ["a name of this host", rule("localhost"), null],
  ["addresses of this host", rule("samehost"), null],
  ["the socket", rule("", { type: "local", method: "trust" }), null],
  ["everybody turned away", rule("all", { method: "reject" }), null],
  [
    "replication from anywhere",
    rule("0.0.0.0/0", { databases: ["replication"] }),
    null,
  ],
  [
    "the agents' users from other hosts",
    rule("10.0.0.0/8", { users: ["postgres", "rewinder"] }),
    null,
  ],
  ["a network", rule("10.0.0.0/8"), "beside_the_proxy"],
  ["everybody", rule("all"), "beside_the_proxy"],
  ["the own network", rule("samenet"), "beside_the_proxy"],
  ["a host by name", rule("app.example.org"), "beside_the_proxy"],
  ["half of the loopback's family", rule("127.0.0.0/7"), "beside_the_proxy"],
  ["IPv6 networks", rule("fd00::/64"), "beside_the_proxy"],
  [
    "a stranger among the agents",
    rule("10.0.0.0/8", { users: ["postgres", "app"] }),
    "beside_the_proxy",
  ],
  [
    "a database beside replication",
    rule("10.0.0.0/8", { databases: ["replication", "app"] }),
    "beside_the_proxy",
  ],
  [
    "trust in the loopback",
    rule("127.0.0.1/32", { method: "trust" }),
    "without_proof",
  ],
  [
    "trust in the loopback of IPv6, written out",
    rule("0:0:0:0:0:0:0:1/128", {
      ...{ method: "trust", databases: ["replication"] },
    }),
    "without_proof",
  ],
  [
    "trust in what is around the loopback of IPv6",
    rule("::1/64", { method: "trust", databases: ["replication"] }),
    "without_proof",
  ],
  [
    "trust in a neighbour of the loopback of IPv6",
    rule("::2/128", { method: "trust", databases: ["replication"] }),
    null,
  ],
  [
    "trust in this host's replication",
    rule("127.0.0.1/32", { databases: ["replication"], method: "trust" }),
    "without_proof",
  ],
  ["trust in all", rule("all", { method: "trust" }), "without_proof"],
  [
    "trust in all of IPv6",
    rule("::/0", { method: "trust", users: ["postgres"] }),
    "without_proof",
  ],
  [
    "trust in an eighth of all addresses",
    rule("96.0.0.0/3", { method: "trust", users: ["postgres"] }),
    "without_proof",
  ],
  ["ident on this host", rule("::1/128", { method: "ident" }), "without_proof"],
  [
    "trust in other hosts' replication",
    rule("10.0.0.0/8", { databases: ["replication"], method: "trust" }),
    null,
  ],
];

for (const [title, line, want] of CASES) {
  Deno.test(`sealBreach(): ${title}: ${want}`, () => {
    assert.equal(sealBreach(line, AGENTS), want);
  });
}

Deno.test("letsProxyIn() wants a line for clients that covers the loopback", () => {
  assert.ok(letsProxyIn(rule("127.0.0.1/32")));
  assert.ok(letsProxyIn(rule("samehost", { users: ["app"] })));
  assert.ok(!letsProxyIn(rule("10.0.0.0/8")));
  assert.ok(!letsProxyIn(rule("all", { method: "reject" })));
  assert.ok(!letsProxyIn(rule("all", { databases: ["replication"] })));
  assert.ok(!letsProxyIn(rule("", { type: "local" })));
});
