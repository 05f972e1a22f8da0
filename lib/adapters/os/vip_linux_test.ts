import assert from "node:assert/strict";
import { ManualClock, settle } from "../../../tests/helpers/manual_clock.ts";
import { moment } from "../../core/base/units.ts";
import { BARE_VIP, type CommandWords, type Vip } from "../../core/model/vip.ts";
import type { Log } from "../../ports/log.ts";
import type { HostProgramResult, RunHostProgram } from "./host_programs.ts";
import { findPrivilege } from "./host_programs.ts";
import type { NdpAnswer, NdpPlace } from "./ndp_linux.ts";
import { VipLinux } from "./vip_linux.ts";
import { parseAddresses } from "./vip_codec.ts";

const VIP: Vip = {
  address: "10.0.0.9",
  prefixLength: 24,
  interface: "eth0",
  role: "primary",
  gateway: null,
  isReplicaFallback: false,
  ...BARE_VIP,
  announceEveryMs: null,
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
  isLinkUp = true;
  /** Holds the search for an owner until it is resolved. */
  gate: Promise<void> = Promise.resolve();
  /** Happens while the kernel is told of an address. */
  onBinding: () => Promise<void> = () => Promise.resolve();
  /** Of the last announcement. */
  announcing: AbortSignal | null = null;

  readonly run: RunHostProgram = async (words, signal) => {
    if (words.includes("-U")) this.announcing = signal;
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
      const flags = this.isLinkUp ? ["UP", "LOWER_UP"] : ["UP"];
      const address = "52:6f:80:fc:47:01";
      const links = [{ ifname: "eth0", address, flags, addr_info: infos }];
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
    if (line.startsWith("ip address replace")) {
      await this.onBinding();
      this.bound.add(address);
    }
    if (line.startsWith("ip address delete")) this.bound.delete(address);
    return { code: 0, output: "" };
  }
}

/** Neighbours that speak IPv6. */
class ToyDiscovery {
  answer: NdpAnswer = { kind: "free" };
  readonly advertised: NdpPlace[] = [];

  ask(): Promise<NdpAnswer> {
    return Promise.resolve(this.answer);
  }

  advertise(place: NdpPlace): string | null {
    this.advertised.push(place);
    return this.answer.kind === "unasked" ? this.answer.why : null;
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
  const discovery = new ToyDiscovery();
  const moves: string[] = [];
  const hooks = {
    moved: (vip: Vip, what: string) =>
      void moves.push(`${what} ${vip.address}`),
  };
  const { run } = host;
  const carrier = new VipLinux({ clock, log, run, discovery, hooks });
  return { host, clock, lines, carrier, discovery, moves };
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
  await clock.advance(5_000);
  carrier.reconcile([CARRY]);
  await quiet();
  assert.deepEqual(host.calls, [
    "ip address replace 10.0.0.9/24 dev eth0 valid_lft 14 preferred_lft 14",
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

Deno.test("vip: a kernel that was told late is told again, or the address goes", async () => {
  for (const [lateMs, isBound] of [[3_000, true], [9_000, false]] as const) {
    const { host, carrier, clock } = rig();
    host.onBinding = () => clock.advance(lateMs);
    carrier.reconcile([CARRY]);
    await quiet();
    const told = host.calls.filter((call) => call.includes("replace"));
    assert.ok(told.length > 1, told.join());
    assert.equal(host.bound.size === 1, isBound && told.length < 3);
    if (lateMs === 3_000) host.onBinding = () => Promise.resolve();
    carrier.reconcile([CARRY]);
    await quiet();
    assert.equal(host.bound.size === 1, isBound);
    await carrier.close();
  }
});

Deno.test("vip: announced again at its times, and when the cable is back", async () => {
  const { host, carrier, clock } = rig();
  const vip = { ...VIP, announceEveryMs: 6_000 };
  const until = moment(600_000);
  const wish = { vip, part: { kind: "carry", until } } as const;
  const announced = async (ms: number): Promise<number> => {
    host.calls.length = 0;
    await clock.advance(ms);
    carrier.reconcile([wish]);
    await quiet();
    return host.calls.filter((call) => call.includes(" -U ")).length;
  };
  assert.equal(await announced(0), 1);
  assert.equal(await announced(5_000), 0);
  assert.equal(await announced(1_000), 1);
  host.isLinkUp = false;
  assert.equal(await announced(1_000), 0);
  host.isLinkUp = true;
  assert.equal(await announced(1_000), 1);
  assert.equal(await announced(1_000), 0);
});

Deno.test("vip: nobody announces an address that has left", async () => {
  const { host, carrier } = rig();
  carrier.reconcile([CARRY]);
  await quiet();
  assert.equal(host.announcing?.aborted, false);
  carrier.reconcile([NONE]);
  await quiet();
  assert.equal(host.announcing?.aborted, true);
});

Deno.test("vip: one address does not wait for another one's neighbours", async () => {
  const { host, carrier } = rig();
  const gate = Promise.withResolvers<void>();
  host.gate = gate.promise;
  const other = { ...VIP, address: "10.0.0.10" };
  carrier.reconcile([CARRY, { ...CARRY, vip: other }]);
  await quiet();
  assert.deepEqual(host.calls, [
    "arping -D -I eth0 -c 1 -w 1 10.0.0.9",
    "arping -D -I eth0 -c 1 -w 1 10.0.0.10",
  ]);
  gate.resolve();
  await quiet();
  assert.equal(host.bound.size, 2);
});

Deno.test("vip: what is odd about the place of an address is said at start", async () => {
  const { host, carrier, lines } = rig();
  host.bound.add("10.7.0.1/24");
  await carrier.check([VIP, { ...VIP, interface: "eth7" }]);
  assert.deepEqual(lines.map((line) => line.slice(0, 42)), [
    "warning VIP 10.0.0.9 is in no subnet of et",
    "warning VIP 10.0.0.9 cannot be bound: this",
  ]);
});

Deno.test("vip: what another member lets go is tried again soon", async () => {
  const { host, carrier, clock } = rig();
  const awaited = { ...CARRY.part, isAwaited: true } as const;
  const vip: Vip = { ...VIP, role: "replica" };
  host.otherOwner = true;
  carrier.reconcile([{ vip, part: awaited }]);
  await quiet();
  host.otherOwner = false;
  await clock.advance(2_000);
  await quiet();
  assert.equal(host.bound.size, 1);
  // Not for longer than it may be carried, and not against a newer wish.
  host.bound.clear();
  host.otherOwner = true;
  carrier.reconcile([{ vip: { ...vip, address: "10.0.0.8" }, part: awaited }]);
  await quiet();
  carrier.reconcile([NONE]);
  await quiet();
  host.otherOwner = false;
  await clock.advance(2_000);
  await quiet();
  assert.equal(host.bound.size, 0);
  assert.equal(clock.sleepers, 0);
});

const SIX = { ...VIP, address: "fd00::9", prefixLength: 64 };

Deno.test("vip: an IPv6 address is asked for, bound, and announced for some seconds", async () => {
  const { host, carrier, clock, discovery } = rig();
  carrier.reconcile([{ ...CARRY, vip: SIX }]);
  await quiet();
  assert.deepEqual([...host.bound], ["fd00::9/64"]);
  for (let second = 0; second < 10; second++) {
    await clock.advance(1_000);
    await quiet();
  }
  assert.equal(discovery.advertised.length, 5);
  assert.equal(discovery.advertised[0]?.hardware.toHex(), "526f80fc4701");
  assert.equal(discovery.advertised[0]?.target.at(-1), 9);
});

Deno.test("vip: an IPv6 address of another host is left alone", async () => {
  const { host, carrier, lines, discovery } = rig();
  discovery.answer = { kind: "owned", hardware: "52:6f:80:fc:47:73" };
  carrier.reconcile([{ ...CARRY, vip: SIX }]);
  await quiet();
  assert.equal(host.bound.size, 0);
  assert.match(lines.join(), /the host with 52:6f:80:fc:47:73 answers for it/);
  await carrier.close();
});

Deno.test("vip: who may not speak IPv6 to neighbours says so once, and binds", async () => {
  const { host, carrier, lines, discovery } = rig();
  const why = "this process lacks CAP_NET_RAW";
  discovery.answer = { kind: "unasked", why };
  for (let pass = 0; pass < 2; pass++) {
    carrier.reconcile([{ ...CARRY, vip: SIX }]);
    await quiet();
  }
  assert.equal(host.bound.size, 1);
  assert.deepEqual(lines.filter((line) => line.startsWith("warning")), [
    "warning Nobody is asked for another owner of an IPv6 VIP, nor told of a " +
    "move: this process lacks CAP_NET_RAW",
  ]);
  await carrier.close();
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
  await carrier.check([VIP]);
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
    parseAddresses(text).bound.map((a) => [a.address, a.isDuplicate]),
    [
      ["127.0.0.1", false],
      ["fd00::9", true],
    ],
  );
  assert.deepEqual(parseAddresses(""), { links: [], bound: [] });
});

Deno.test("vip: routes and rules come behind the address, and go before it; then the move is told", async () => {
  const { host, carrier, moves } = rig();
  const vip: Vip = {
    ...{ ...VIP, label: "eth0:vip" },
    routes: [["default", "via", "10.0.0.1", "table", "100"]],
    rules: [["from", "10.0.0.9", "table", "100"]],
  };
  carrier.reconcile([{ ...CARRY, vip }]);
  await quiet();
  assert.deepEqual(host.calls.map((line) => line.replace(/ valid_lft.*/, "")), [
    "arping -D -I eth0 -c 1 -w 1 10.0.0.9",
    "ip address replace 10.0.0.9/24 dev eth0 label eth0:vip",
    "ip -4 route replace default via 10.0.0.1 table 100 dev eth0",
    "ip -4 rule delete from 10.0.0.9 table 100",
    "ip -4 rule add from 10.0.0.9 table 100",
    "arping -q -I eth0 -U -c 3 10.0.0.9",
  ]);
  assert.deepEqual(moves, ["bound 10.0.0.9"]);
  host.calls.length = 0;
  await carrier.dropAll([vip]);
  assert.deepEqual(host.calls, [
    "ip -4 rule delete from 10.0.0.9 table 100",
    "ip -4 route delete default via 10.0.0.1 table 100 dev eth0",
    "ip address delete 10.0.0.9/24 dev eth0",
  ]);
  assert.deepEqual(moves, ["bound 10.0.0.9", "released 10.0.0.9"]);
});

Deno.test("vip: an address that the kernel has taken away is told of, and loses its routes", async () => {
  const { host, carrier, moves } = rig();
  const vip: Vip = { ...VIP, routes: [["10.9.0.0/16", "via", "10.0.0.1"]] };
  carrier.reconcile([{ ...CARRY, vip }]);
  await quiet();
  host.bound.clear();
  host.calls.length = 0;
  carrier.reconcile([{ ...NONE, vip }]);
  await quiet();
  assert.deepEqual(host.calls, [
    "ip -4 route delete 10.9.0.0/16 via 10.0.0.1 dev eth0",
  ]);
  assert.deepEqual(moves, ["bound 10.0.0.9", "released 10.0.0.9"]);
  carrier.reconcile([{ ...NONE, vip }]);
  await quiet();
  assert.equal(host.calls.length, 1);
});

Deno.test("vip: another prefix length binds it anew", async () => {
  const { host, carrier } = rig();
  carrier.reconcile([CARRY]);
  await quiet();
  carrier.reconcile([{ ...CARRY, vip: { ...VIP, prefixLength: 16 } }]);
  await quiet();
  assert.deepEqual([...host.bound], ["10.0.0.9/16"]);
});
