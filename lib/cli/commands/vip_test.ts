import assert from "node:assert/strict";
import type { CliNeighbours, NeighbourPlace, ProgramCall } from "../context.ts";
import { runIn } from "../fake_context_test.ts";
import { canChangeAddresses } from "./vip.ts";

const STATUS = "/proc/self/status";
const ROOT = "Uid:\t0\t0\t0\t0\nCapEff:\t0000000000003000\n" +
  "CapAmb:\t0000000000000000\n";
const USER = "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000003000\n" +
  "CapAmb:\t0000000000000000\n";

const PLACE = ["--address", "10.0.0.9/24", "--interface", "eth0"];

/** Runs the callback; what it called, and how it ended. */
async function callback(
  args: readonly string[],
  code: (call: ProgramCall) => number | null = () => 0,
  status = ROOT,
) {
  const calls: string[] = [];
  const outcome = await runIn({
    programName: "matriarch",
    files: { [STATUS]: status },
    program: (call) => {
      calls.push([call.program, ...call.args].join(" "));
      return code(call);
    },
  }, ["vip", ...PLACE, ...args]);
  return { ...outcome, calls };
}

Deno.test("vip binds on on_role_change primary: looks for an owner, binds, announces", async () => {
  const { code, out, calls } = await callback(
    ["on_role_change", "primary", "demo"],
  );
  assert.equal(code, 0);
  assert.equal(out, "VIP 10.0.0.9 is on eth0\n");
  assert.deepEqual(calls, [
    "arping -V",
    "arping -D -I eth0 -c 1 -w 1 10.0.0.9",
    "ip address replace 10.0.0.9/24 dev eth0 valid_lft forever preferred_lft forever",
    "arping -q -I eth0 -U -c 3 10.0.0.9",
  ]);
});

Deno.test("vip takes the address away on on_stop and for a replica", async () => {
  for (const args of [["on_stop", "primary"], ["on_role_change", "replica"]]) {
    // 2: the address was not there.
    const { code, calls } = await callback([...args, "demo"], () => 2);
    assert.equal(code, 0);
    assert.deepEqual(calls, ["ip address delete 10.0.0.9/24 dev eth0"]);
  }
});

Deno.test("vip does nothing on on_reload", async () => {
  const { code, calls } = await callback(["on_reload", "primary", "demo"]);
  assert.equal(code, 0);
  assert.deepEqual(calls, []);
});

Deno.test("vip does not bind what another host answers for", async () => {
  const { code, err, calls } = await callback(
    ["on_start", "primary", "demo"],
    ({ program, args }) => program === "arping" && args[0] === "-D" ? 1 : 0,
  );
  assert.equal(code, 1);
  assert.match(err, /another host answers for it on eth0/);
  assert.equal(calls.length, 2);
});

for (const [ends, isBound] of [[1, true], [0, false]] as const) {
  Deno.test(`vip with the other arping, which ends with ${ends}: ${isBound}`, async () => {
    const { code, calls } = await callback(
      ["on_start", "primary", "demo"],
      ({ program, args }) => {
        if (program !== "arping") return 0;
        // For it -V wants a word.
        return args[0] === "-V" ? 1 : ends;
      },
    );
    assert.equal(code, isBound ? 0 : 1);
    assert.equal(calls[1], "arping -0 -i eth0 -c 1 -w 1 10.0.0.9");
    assert.equal(calls.some((line) => line.startsWith("ip ")), isBound);
  });
}

Deno.test("vip binds without the right to speak ARP, and says that nobody was asked", async () => {
  const { code, out, calls } = await callback(
    ["on_start", "primary", "demo"],
    ({ program, args }) => program === "arping" && args[0] === "-D" ? 2 : 0,
  );
  assert.equal(code, 0);
  assert.match(out, /^Nobody was asked for another owner.*CAP_NET_RAW/);
  assert.match(calls[2] ?? "", /^ip address replace/);
});

Deno.test("vip without the capability goes through sudo -n, and says when there is none", async () => {
  const by = await callback(["on_stop", "primary", "demo"], () => 0, USER);
  assert.deepEqual(by.calls, [
    "sudo -n ip address delete 10.0.0.9/24 dev eth0",
  ]);
  const none = await callback(["on_stop", "primary", "demo"], () => null, USER);
  assert.equal(none.code, 1);
  assert.match(none.err, /lacks CAP_NET_ADMIN, and sudo is not installed/);
});

Deno.test("vip names the option that is wrong", async () => {
  const run = (...args: string[]) =>
    runIn({ programName: "matriarch" }, [
      "vip",
      ...args,
      "on_start",
      "primary",
      "demo",
    ]);
  const noAddress = await run("--interface", "eth0");
  assert.equal(noAddress.code, 2);
  assert.match(noAddress.err, /--address: wanted an IP address/);
  const noInterface = await run("--address", "10.0.0.9");
  assert.match(noInterface.err, /--interface: wanted the name/);
});

Deno.test("canChangeAddresses() knows what survives an exec", () => {
  assert.equal(canChangeAddresses(ROOT), true);
  assert.equal(canChangeAddresses(USER), false);
  const ambient = USER.replace(/CapAmb:.*/, "CapAmb:\t0000000000001000");
  assert.equal(canChangeAddresses(ambient), true);
  const stripped = ROOT.replace(/CapEff:.*/, "CapEff:\t0000000000002000");
  assert.equal(canChangeAddresses(stripped), false);
});

/** The callback for IPv6, among neighbours that answer so. */
async function callback6(answer: Awaited<ReturnType<CliNeighbours["ask"]>>) {
  const calls: string[] = [];
  const told: NeighbourPlace[] = [];
  const outcome = await runIn({
    programName: "matriarch",
    files: {
      [STATUS]: ROOT,
      "/sys/class/net/eth0/address": "52:6f:80:fc:47:01\n",
    },
    program: (call) => {
      calls.push([call.program, ...call.args].join(" "));
      return 0;
    },
    neighbours: {
      ask: () => Promise.resolve(answer),
      advertise: (place) => {
        told.push(place);
        return null;
      },
    },
  }, [
    ...["vip", "--address", "fd00::9/64", "--interface", "eth0"],
    ...["on_role_change", "primary", "demo"],
  ]);
  return { ...outcome, calls, told };
}

Deno.test("vip announces an IPv6 address by itself", async () => {
  const { code, out, calls, told } = await callback6({ kind: "free" });
  assert.equal(code, 0);
  assert.equal(out, "VIP fd00::9 is on eth0\n");
  assert.deepEqual(calls, [
    "ip address replace fd00::9/64 dev eth0 valid_lft forever preferred_lft forever",
  ]);
  assert.equal(told.length, 3);
  assert.equal(told[0]?.interface, "eth0");
  assert.equal(told[0]?.hardware.toHex(), "526f80fc4701");
  assert.equal(told[0]?.target.toHex(), "fd000000000000000000000000000009");
});

Deno.test("vip leaves an IPv6 address alone that another host has", async () => {
  const { code, err, calls, told } = await callback6({
    ...{ kind: "owned", hardware: "52:6f:80:fc:47:02" },
  });
  assert.equal(code, 1);
  assert.match(err, /the host with 52:6f:80:fc:47:02 answers for it on eth0/);
  assert.deepEqual([calls.length, told.length], [0, 0]);
});

Deno.test("vip binds an IPv6 address and says so where nobody can be asked", async () => {
  const { code, out, calls, told } = await callback6({
    ...{ kind: "unasked", why: "this process lacks CAP_NET_RAW" },
  });
  assert.equal(code, 0);
  assert.match(out, /nor told of the move: this process lacks CAP_NET_RAW\n/);
  assert.deepEqual([calls.length, told.length], [1, 0]);
});
