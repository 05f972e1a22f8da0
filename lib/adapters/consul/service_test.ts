import assert from "node:assert/strict";
import { serviceName, serviceWish } from "./service.ts";

const PLACE = { scope: "Bat.man", member: "n1", sessionSeconds: 15 };
const SETTINGS = {
  isRegistered: true,
  tags: ["blue"],
  checkInterval: "5s",
  checkTlsServerName: null,
};

function member(changes: object): string {
  return JSON.stringify({
    conn_url: "postgres://10.0.0.1:5433/postgres",
    api_url: "https://10.0.0.1:8008/patroni",
    ...{ state: "running", role: "primary" },
    ...changes,
  });
}

Deno.test("a service's name is one of DNS", () => {
  assert.equal(serviceName("Bat.man_a b"), "bat-man-a-b");
  assert.equal(serviceName("a/é"), "au0047u0233");
  assert.equal(serviceName("x".repeat(300)).length, 230);
});

Deno.test("a running member is registered under its role", () => {
  const wish = serviceWish(member({}), PLACE, SETTINGS);
  assert.deepEqual(wish, {
    kind: "register",
    body: {
      ...{ ID: "Bat.man/n1", Name: "bat-man" },
      ...{ Address: "10.0.0.1", Port: 5433, EnableTagOverride: true },
      Tags: ["blue", "primary", "master"],
      Check: {
        HTTP: "https://10.0.0.1:8008/primary",
        Interval: "5s",
        DeregisterCriticalServiceAfter: "150s",
      },
    },
  });
  const standby = member({
    role: "standby_leader",
    conn_url: "postgres://[::1]/x",
  });
  const second = serviceWish(standby, PLACE, {
    ...SETTINGS,
    checkTlsServerName: "db",
  });
  assert.ok(second.kind === "register");
  const { Tags, Address, Port, Check } = second.body;
  assert.deepEqual([Tags, Address, Port, Object(Check).TLSServerName], [
    ["blue", "standby-leader"],
    "::1",
    5432,
    "db",
  ]);
});

Deno.test("a member that is no service is left alone or taken out", () => {
  const kind = (changes: object, settings = SETTINGS) =>
    serviceWish(member(changes), PLACE, settings).kind;
  assert.equal(kind({ state: "stopped" }), "deregister");
  assert.equal(kind({}, { ...SETTINGS, isRegistered: false }), "deregister");
  assert.equal(kind({ state: "starting" }), "keep");
  assert.equal(kind({ role: "demoted" }), "keep");
  assert.equal(kind({ conn_url: "x" }), "keep");
  assert.equal(serviceWish("{", PLACE, SETTINGS).kind, "keep");
});
