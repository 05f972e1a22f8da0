import assert from "node:assert/strict";
import { ManualClock, settle } from "../../../tests/helpers/manual_clock.ts";
import { moment } from "../../core/base/units.ts";
import type { CommandWords, Vip } from "../../core/model/vip.ts";
import type { Log } from "../../ports/log.ts";
import type { HostProgramResult, RunHostProgram } from "./host_programs.ts";
import { findPrivilege } from "./host_programs.ts";
import { VipLinux } from "./vip_linux.ts";
import { parseAddresses } from "./vip_codec.ts";

const VIP: Vip = {
  address: "10.0.0.9",
  prefixLength: 24,
  interface: "eth0",
  role: "primary",
  gateway: null,
  isReplicaFallback: false,
};
const CARRY = {
  vip: VIP,
  part: { kind: "carry", until: moment(20_000) },
} as const;
const KEEP = {
  vip: VIP,
  part: { kind: "keep", until: moment(20_000) },
} as const;
const NONE = { vip: VIP, part: { kind: "none" } } as const;
const OTHER = "Unicast reply from 10.0.0.9 [52:6F:80:FC:47:73]  0.555ms";
const NEVER = new AbortController().signal;

/** A host that knows one interface; `isRoot` false refuses changes. */
class ToyHost {
  arping: "iputils" | "habets" = "iputils";
  habetsAnswer = { code: 1, output: "" };
  readonly calls: string[] = [];
  readonly bound = new Set<string>();
  isRoot = true;
  hasSudo = false;
  otherOwner = false;
  canSpeakArp = true;
  isDuplicateFound = false;
  /** Holds the search for an owner until it is resolved. */
  gate: Promise<void> = Promise.resolve();

  readonly run: RunHostProgram = async (words) => {
    const isSudo = words[0] === "sudo";
    if (isSudo && !this.hasSudo) {
      return { code: null, output: "sudo: not found" };
    }
    const plain = isSudo ? words.slice(2) : words;
    return await this.#do(plain, this.isRoot || isSudo);
  };

  async #do(
    words: CommandWords,
    isAllowed: boolean,
  ): Promise<HostProgramResult> {
    const line = words.join(" ");
    if (line === "ip -j address show") {
      const infos = [...this.bound].map((text) => {
        const [local, prefixlen] = text.split("/");
        const dadfailed = this.isDuplicateFound;
        return { local, prefixlen: Number(prefixlen), dadfailed };
      });
      const links = [{ ifname: "eth0", addr_info: infos }];
      return { code: 0, output: JSON.stringify(links) };
    }
    if (!isAllowed) {
      return { code: 2, output: "RTNETLINK answers: Operation not permitted" };
    }
    if (line.includes("192.0.2.1")) {
      return {
        code: 2,
        output: "RTNETLINK answers: Cannot assign requested address",
      };
    }
    if (line === "arping -V") {
      const isOther = this.arping === "habets";
      return { code: isOther ? 1 : 0, output: "" };
    }
    this.calls.push(line);
    if (line.startsWith("arping -0")) return { ...this.habetsAnswer };
    if (line.startsWith("arping -D")) {
      await this.gate;
      if (!this.canSpeakArp) {
        return { code: 2, output: "arping: socket: Operation not permitted" };
      }
      return this.otherOwner
        ? { code: 1, output: OTHER }
        : { code: 0, output: "" };
    }
    const address = words[3] ?? "";
    if (line.startsWith("ip address replace")) this.bound.add(address);
    if (line.startsWith("ip address delete")) this.bound.delete(address);
    return { code: 0, output: "" };
  }
}

function rig() {
  const host = new ToyHost();
  const clock = new ManualClock();
  const lines: string[] = [];
  const say = (level: string) => (text: string) =>
    void lines.push(`${level} ${text}`);
  const log: Log = {
    debug: say("debug"),
    info: say("info"),
    warning: say("warning"),
    error: say("error"),
    critical: say("critical"),
  };
  const carrier = new VipLinux({ clock, log, run: host.run });
  return { host, clock, lines, carrier };
}

/** Everything that the carrier does in the background is done. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await settle();
}

const TRANSMITTED = "1 packets transmitted, ";
const HABETS = [
  ["somebody answers", 0, `42 bytes from 9e:4d:72:f4:1a:f6 (10.0.0.9)`, false],
  ["nobody answers", 1, `Timeout\n${TRANSMITTED}0 packets received`, true],
  ["it may not ask", 1, "arping: libnet_init(): CAP_NET_RAW required", true],
] as const;

for (const [what, code, output, isBound] of HABETS) {
  Deno.test(`vip: with the other arping: ${what}`, async () => {
    const { host, carrier, lines } = rig();
    host.arping = "habets";
    host.habetsAnswer = { code, output };
    carrier.reconcile([CARRY]);
    await quiet();
    assert.equal(host.calls[0], "arping -0 -i eth0 -c 1 -w 1 10.0.0.9");
    assert.equal(host.bound.size, isBound ? 1 : 0);
    const isUnasked = lines.some((line) => /Nobody is asked/.test(line));
    assert.equal(isUnasked, what === "it may not ask", lines.join());
    await carrier.close();
  });
}

Deno.test("vip: binds for less than the lease, announces, then renews", async () => {
  const { host, carrier, clock, lines } = rig();
  carrier.reconcile([CARRY]);
  await quiet();
  assert.deepEqual(host.calls, [
    "arping -D -I eth0 -c 1 -w 1 10.0.0.9",
    "ip address replace 10.0.0.9/24 dev eth0 valid_lft 19 preferred_lft 19",
    "arping -q -I eth0 -U -c 3 10.0.0.9",
  ]);
  host.calls.length = 0;
  await clock.advance(2_000);
  carrier.reconcile([CARRY]);
  await quiet();
  assert.deepEqual(host.calls, [
    "ip address replace 10.0.0.9/24 dev eth0 valid_lft 17 preferred_lft 17",
    "arping -D -I eth0 -c 1 -w 1 10.0.0.9",
  ]);
  assert.deepEqual(lines, ["info VIP 10.0.0.9 is bound on eth0"]);
});

Deno.test("vip: too little of the lease binds nothing", async () => {
  const { host, carrier, clock } = rig();
  await clock.advance(18_500);
  carrier.reconcile([CARRY]);
  await quiet();
  assert.deepEqual([...host.bound], []);
});

Deno.test("vip: another host's address is not bound; said once; bound when it is free", async () => {
  const { host, carrier, lines } = rig();
  host.otherOwner = true;
  carrier.reconcile([CARRY]);
  await quiet();
  carrier.reconcile([CARRY]);
  await quiet();
  assert.deepEqual([...host.bound], []);
  assert.deepEqual(lines, [
    "error VIP 10.0.0.9 is not bound: the host with 52:6f:80:fc:47:73 answers for it on eth0",
  ]);
  host.otherOwner = false;
  carrier.reconcile([CARRY]);
  await quiet();
  assert.deepEqual([...host.bound], ["10.0.0.9/24"]);
});

Deno.test("vip: without the right to speak ARP it is bound, and that is said once", async () => {
  const { host, carrier, lines } = rig();
  host.canSpeakArp = false;
  for (let cycle = 0; cycle < 2; cycle++) {
    carrier.reconcile([CARRY]);
    await quiet();
  }
  assert.deepEqual([...host.bound], ["10.0.0.9/24"]);
  assert.deepEqual(lines.filter((line) => /warning/.test(line)), [
    "warning Nobody is asked for another owner of a VIP, nor told of a move: " +
    "this process lacks CAP_NET_RAW (arping: socket: Operation not permitted)",
  ]);
});

Deno.test("vip: the primary announces again what another host answers for, a keeper lets go", async () => {
  for (const [wish, isKept] of [[CARRY, true], [KEEP, false]] as const) {
    const { host, carrier } = rig();
    host.bound.add("10.0.0.9/24");
    host.otherOwner = true;
    carrier.reconcile([wish]);
    await quiet();
    assert.equal(host.bound.size === 1, isKept);
    assert.equal(host.calls.some((c) => c.includes(" -U ")), isKept);
  }
});

Deno.test("vip: taking away wins over a binding that is under way", async () => {
  const { host, carrier } = rig();
  const gate = Promise.withResolvers<void>();
  host.gate = gate.promise;
  carrier.reconcile([CARRY]);
  await quiet();
  const dropping = carrier.dropAll([VIP]);
  gate.resolve();
  await dropping;
  await quiet();
  assert.deepEqual([...host.bound], []);
  assert.ok(!host.calls.some((call) => call.includes("replace")));
});

Deno.test("vip: a demotion does not wait for ever", async () => {
  const { host, carrier, clock } = rig();
  const gate = Promise.withResolvers<void>();
  host.gate = gate.promise;
  carrier.reconcile([CARRY]);
  await quiet();
  const dropping = carrier.dropAll([VIP]);
  await quiet();
  await clock.advance(1_000);
  await dropping;
  gate.resolve();
  await carrier.close();
});

Deno.test("vip: after a drop the next wish binds again", async () => {
  const { host, carrier } = rig();
  carrier.reconcile([CARRY]);
  await quiet();
  await carrier.dropAll([VIP]);
  assert.deepEqual([...host.bound], []);
  carrier.reconcile([CARRY]);
  await quiet();
  assert.equal(host.bound.size, 1);
});

Deno.test("vip: what is bound and not wished goes, whatever its prefix", async () => {
  const { host, carrier } = rig();
  host.bound.add("10.0.0.9/32");
  carrier.reconcile([NONE]);
  await quiet();
  assert.deepEqual([...host.bound], []);
});

Deno.test("vip: an IPv6 address that the kernel found elsewhere is given up", async () => {
  const { host, carrier, lines } = rig();
  host.bound.add("fd00::9/128");
  host.isDuplicateFound = true;
  const vip = { ...VIP, address: "fd00::9", prefixLength: 128 };
  carrier.reconcile([{ ...CARRY, vip }]);
  await quiet();
  assert.deepEqual([...host.bound], []);
  assert.deepEqual(lines, [
    "error VIP fd00::9 belongs to another host on eth0",
  ]);
});

Deno.test("vip: goes through sudo -n where the process may not itself", async () => {
  const { host, carrier } = rig();
  host.isRoot = false;
  host.hasSudo = true;
  carrier.reconcile([CARRY]);
  await quiet();
  assert.equal(host.bound.size, 1);
});

Deno.test("vip: says in one sentence what is missing", async () => {
  const { host, carrier, lines } = rig();
  host.isRoot = false;
  await carrier.check();
  assert.equal(lines.length, 1);
  assert.match(
    lines[0] ?? "",
    /^error Cannot carry any VIP: this process lacks CAP_NET_ADMIN, and sudo is not installed/,
  );
});

Deno.test("findPrivilege(): no ip, own right, sudo that asks for a password", async () => {
  const answer = (own: HostProgramResult, sudo: HostProgramResult) =>
    findPrivilege(
      (words) => Promise.resolve(words[0] === "sudo" ? sudo : own),
      NEVER,
    );
  const refused = {
    code: 2,
    output: "RTNETLINK answers: Operation not permitted",
  };
  const password = { code: 1, output: "sudo: a password is required" };
  const none = { code: null, output: "" };
  const noIp = await answer(none, none);
  assert.ok(noIp.kind === "missing" && /iproute2/.test(noIp.why));
  const asked = await answer(refused, password);
  assert.ok(
    asked.kind === "missing" && /a password is required/.test(asked.why),
  );
});

Deno.test("parseAddresses() reads ip's JSON", () => {
  const text = JSON.stringify([
    { ifname: "lo", addr_info: [{ local: "127.0.0.1", prefixlen: 8 }] },
    {
      ifname: "eth0",
      addr_info: [
        { local: "fd00::9", prefixlen: 128, dadfailed: true },
        { family: "inet" },
      ],
    },
    {},
  ]);
  assert.deepEqual(
    parseAddresses(text).map((a) => [a.address, a.isDuplicate]),
    [
      ["127.0.0.1", false],
      ["fd00::9", true],
    ],
  );
  assert.deepEqual(parseAddresses(""), []);
});
