/** Routes and rules of an address, in the right order, by commands that are only noted. */
import assert from "node:assert/strict";
import { ManualClock, settle } from "../../../tests/helpers/manual_clock.ts";
import { KeptLog } from "../../../tests/helpers/tcp.ts";
import { BARE_VIP, type CommandWords, type Vip } from "../../core/model/vip.ts";
import { VipOutfit } from "./vip_outfit.ts";
import { VipTools } from "./vip_tools.ts";

const NEVER = new AbortController().signal;

const VIP: Vip = {
  ...{ address: "10.0.0.9", prefixLength: 24, interface: "eth0" },
  ...{ role: "primary", gateway: null, isReplicaFallback: false },
  ...{ announceEveryMs: null, ...BARE_VIP },
  routes: [["default", "via", "10.0.0.1", "table", "100"]],
  rules: [["from", "10.0.0.9", "table", "100"]],
};

const ON = [
  "ip -4 route replace default via 10.0.0.1 table 100 dev eth0",
  "ip -4 rule delete from 10.0.0.9 table 100",
  "ip -4 rule add from 10.0.0.9 table 100",
];
const OFF = [
  "ip -4 rule delete from 10.0.0.9 table 100",
  "ip -4 route delete default via 10.0.0.1 table 100 dev eth0",
];

function rig() {
  const calls: string[] = [];
  const clock = new ManualClock();
  const log = new KeptLog();
  let answer: Promise<{ code: number; output: string }> = Promise.resolve({
    ...{ code: 0, output: "" },
  });
  const run = (words: CommandWords) => {
    const line = words.join(" ");
    if (line.includes("192.0.2.1")) {
      return Promise.resolve({ code: 2, output: "Cannot assign" });
    }
    calls.push(line);
    return answer;
  };
  const tools = new VipTools({ log, run });
  const outfit = new VipOutfit({ clock, log, tools });
  return {
    ...{ calls, clock, log, outfit },
    answers: (with_: typeof answer) => void (answer = with_),
  };
}

Deno.test("vip outfit: put on once, and taken off the other way round", async () => {
  const { calls, outfit } = rig();
  await outfit.putOn(VIP, NEVER);
  await outfit.putOn({ ...VIP }, NEVER);
  assert.deepEqual(calls, ON);
  calls.length = 0;
  await outfit.takeOff(VIP, NEVER);
  await outfit.takeOff(VIP, NEVER);
  assert.deepEqual(calls, OFF);
});

Deno.test("vip outfit: what a killed process left is taken off, once", async () => {
  const { calls, outfit } = rig();
  await outfit.takeOff(VIP, NEVER);
  await outfit.takeOff(VIP, NEVER);
  assert.deepEqual(calls, OFF);
});

Deno.test("vip outfit: another configuration takes the old one off first", async () => {
  const { calls, outfit } = rig();
  await outfit.putOn(VIP, NEVER);
  calls.length = 0;
  await outfit.putOn({
    ...VIP,
    rules: [],
    routes: [["blackhole", "10.9.0.0/16"]],
  }, NEVER);
  assert.deepEqual(calls, [
    ...OFF,
    "ip -4 route replace blackhole 10.9.0.0/16",
  ]);
});

Deno.test("vip outfit: an address without any costs nothing", async () => {
  const { calls, outfit } = rig();
  const bare = { ...VIP, routes: [], rules: [] };
  await outfit.putOn(bare, NEVER);
  await outfit.takeOff(bare, NEVER);
  assert.deepEqual(calls, []);
});

Deno.test("vip outfit: what fails is said once, and keeps nobody", async () => {
  const { answers, clock, log, outfit } = rig();
  answers(
    Promise.resolve({ code: 2, output: "Error: Nexthop has invalid gateway." }),
  );
  await outfit.putOn(VIP, NEVER);
  assert.equal(log.lines.length, 2, log.lines.join("\n"));
  assert.match(
    log.lines[0] ?? "",
    /Cannot run ip -4 route replace .*: Error: Nexthop/,
  );
  // A program that hangs is not waited for.
  answers(new Promise(() => {}));
  let isOver = false;
  outfit.takeOff(VIP, NEVER).then(() => isOver = true);
  await settle();
  assert.equal(isOver, false);
  await clock.advance(300);
  assert.equal(isOver, true);
});

Deno.test("vip outfit: IPv6 has its own tables", async () => {
  const { calls, outfit } = rig();
  const address = "fd00::9";
  await outfit.putOn({
    ...{ ...VIP, address, rules: [] },
    routes: [["default", "via", "fd00::1"]],
  }, NEVER);
  assert.deepEqual(calls, ["ip -6 route replace default via fd00::1 dev eth0"]);
});
