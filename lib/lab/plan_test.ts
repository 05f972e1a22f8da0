import { equal, match } from "node:assert/strict";
import { memberYaml, proxyYaml } from "./member_config.ts";
import {
  LAB_TIMING,
  type LabPlan,
  MEMBERS_MAX,
  planLab,
  portUses,
} from "./plan.ts";
import { LAB_STORES, labStore } from "./stores/all.ts";

function plan(name: string, members: number): LabPlan {
  const dcs = labStore(name);
  if (dcs === null) throw new Error(`no store ${name}`);
  return planLab({
    directory: "/lab",
    members,
    dcs,
    portBase: 5000,
    timing: LAB_TIMING,
    isSynchronous: true,
    password: "secret",
    binDir: "/bin",
  });
}

Deno.test("planLab() never gives one port to two", () => {
  for (const { name } of LAB_STORES) {
    const ports = portUses(plan(name, MEMBERS_MAX)).map((use) => use.port);
    equal(new Set(ports).size, ports.length);
  }
});

Deno.test("planLab() gives the stand-alone proxy the famous ports", () => {
  const { primary, replica, stats } = plan("sqlite", 3).proxy;
  equal(`${primary} ${replica} ${stats}`, "5000 6000 7000");
});

Deno.test("LAB_TIMING keeps the rule of ttl", () => {
  const { ttl, loopWait, retryTimeout } = LAB_TIMING;
  equal(loopWait + 2 * retryTimeout <= ttl, true);
  equal(ttl >= 20, true);
});

Deno.test("memberYaml() names the store, the ports and the mode", () => {
  const drawn = plan("etcd", 3);
  const [first] = drawn.members;
  if (first === undefined) throw new Error("No member was drawn");
  const text = memberYaml(drawn, first);
  match(text, /etcd3:\n {2}hosts:\n {4}- 127\.0\.0\.1:9000/);
  match(text, /synchronous_mode: true\n {4}takeover: true/);
  match(text, /listen: 127\.0\.0\.1:5441/);
  match(proxyYaml(plan("sqlite", 3)), /sqlite:\n {2}path: \/lab\/dcs\.sqlite/);
});
