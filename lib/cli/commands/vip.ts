/**
 * `vip`: a virtual address as a callback of Patroni's configuration, for those
 * who keep their `on_role_change` line. It binds for good: unlike the agent's own
 * section `vip`, nothing takes the address away when the agent dies.
 */
import {
  announceCommands,
  type Arping,
  ARPING_VERSION,
  arpingBy,
  bindCommand,
  callbackStep,
  findOwnerCommand,
  isIpv6,
  ownerAnswer,
  unbindCommand,
} from "../../core/calc/host/vip.ts";
import { BARE_VIP, type CommandWords, type Vip } from "../../core/model/vip.ts";
import { isInterfaceName, parseVipAddress } from "../../config/sections/vip.ts";
import { visible } from "../../core/base/visible.ts";
import { addressBytes } from "../../core/base/ip_address.ts";
import { hardwareBytes } from "../../core/calc/host/neighbour_packets.ts";
import type { CommandDefinition } from "../definition.ts";
import { CliError, UsageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import type { CliContext } from "../context.ts";

/** CAP_NET_ADMIN in the kernel's sets of capabilities. Source: capabilities(7). */
const NET_ADMIN = 1n << 12n;

/** `vip`. */
export const VIP_COMMAND: CommandDefinition = {
  name: "vip",
  summary: "Move a virtual address, as a callback: vip ... ACTION ROLE SCOPE",
  isOwn: true,
  arguments: [
    { name: "ACTION", arity: "required" },
    { name: "ROLE", arity: "required" },
    { name: "SCOPE", arity: "required" },
  ],
  options: [
    { flags: ["--address"], value: "text", help: "Address, or ADDRESS/PREFIX" },
    { flags: ["--interface"], value: "text", help: "Network interface" },
    {
      flags: ["--gateway"],
      value: "text",
      help: "A neighbour that is told of the move directly",
    },
  ],
  // A callback runs where no command line is configured.
  runOffline: async (invocation, { context }) => {
    const vip = vipOf(invocation);
    const [action = "", role = ""] = invocation.positionals;
    const step = callbackStep(action, role);
    if (step === null) {
      return print(context, `${action} moves no address`);
    }
    const host = await hostOf(context);
    if (step === "unbind") await unbind(host, vip);
    else if (isIpv6(vip.address)) await bind6(host, vip, context);
    else {
      const by = await arpingOf(context);
      await bind({ host, vip, by }, (text) => print(context, text));
    }
    print(
      context,
      `VIP ${vip.address} is ${
        step === "bind" ? "on" : "off"
      } ${vip.interface}`,
    );
  },
};

function print({ terminal }: CliContext, text: string): void {
  terminal.write(`${visible(text)}\n`);
}

/** Runs a program with the rights that it needs; its exit code. */
type Host = (words: CommandWords) => Promise<number>;

function vipOf(invocation: Invocation): Vip {
  const address = invocation.text("--address");
  const name = invocation.text("--interface");
  const parsed = address === null ? null : parseVipAddress(address);
  if (parsed === null) {
    throw new UsageError(
      VIP_COMMAND.name,
      "--address: wanted an IP address such as 10.0.0.9 or 10.0.0.9/24",
    );
  }
  if (name === null || !isInterfaceName(name)) {
    throw new UsageError(
      VIP_COMMAND.name,
      "--interface: wanted the name of a network interface",
    );
  }
  const gateway = invocation.text("--gateway");
  if (gateway !== null && parseVipAddress(gateway) === null) {
    throw new UsageError(VIP_COMMAND.name, "--gateway: wanted an IP address");
  }
  const role = "primary";
  return {
    ...parsed,
    ...{ interface: name, role, gateway, isReplicaFallback: false },
    ...BARE_VIP,
    announceEveryMs: null,
  };
}

/** Asked without sudo, whose own code would be taken for arping's. */
async function arpingOf(context: CliContext): Promise<Arping> {
  const [program = "", ...args] = ARPING_VERSION;
  const code = await context.runProgram({ program, args, input: null });
  return arpingBy(code ?? 0);
}

async function bind(
  { host, vip, by }: {
    readonly host: Host;
    readonly vip: Vip;
    readonly by: Arping;
  },
  say: (text: string) => void,
): Promise<void> {
  const ask = findOwnerCommand(vip, by);
  const code = ask === null ? null : await host(ask);
  const answer = code === null ? "free" : ownerAnswer(by, code);
  if (answer === "unasked") {
    say(
      `Nobody was asked for another owner: arping ended with code ${code}; ` +
        "it needs CAP_NET_RAW",
    );
  }
  if (answer === "owned") {
    throw new CliError(
      `VIP ${vip.address} is not bound: another host answers for it on ${vip.interface}`,
    );
  }
  if (await host(bindCommand(vip, null)) !== 0) {
    throw new CliError(`Cannot bind VIP ${vip.address}`);
  }
  for (const command of announceCommands(vip, by)) await host(command);
}

/** The kernel looks for duplicates for up to two seconds; until then nobody can use the address. */
const ADVERTISEMENTS = 3;
const ADVERTISE_AGAIN_MS = 1_000;

/** The same for IPv6, whose neighbours are spoken with by ourselves. */
async function bind6(host: Host, vip: Vip, context: CliContext): Promise<void> {
  const { clock, files } = context;
  const { address, interface: name } = vip;
  const text = await files.readText(`/sys/class/net/${name}/address`);
  const hardware = hardwareBytes(text?.trim() ?? "");
  const target = addressBytes(address);
  // An interface without Ethernet has no neighbours of that kind.
  const place = hardware === null || target === null
    ? null
    : { interface: name, hardware, target };
  const neighbours = await context.openNeighbours();
  const { signal } = new AbortController();
  const answer = place === null ? null : await neighbours.ask(place, signal);
  if (answer?.kind === "owned") {
    throw new CliError(
      `VIP ${address} is not bound: the host with ${answer.hardware} answers ` +
        `for it on ${name}`,
    );
  }
  if (answer?.kind === "unasked") {
    print(
      context,
      "Nobody is asked for another owner, nor told of the move: " + answer.why,
    );
  }
  if (await host(bindCommand(vip, null)) !== 0) {
    throw new CliError(`Cannot bind VIP ${address}`);
  }
  if (place === null || answer?.kind !== "free") return;
  for (let times = 0; times < ADVERTISEMENTS; times++) {
    if (times > 0) await clock.sleep(ADVERTISE_AGAIN_MS);
    neighbours.advertise(place);
  }
}

/** An address that is not there is as good as taken away: ip says 2. */
async function unbind(host: Host, vip: Vip): Promise<void> {
  const { address, prefixLength } = vip;
  const code = await host(
    unbindCommand({
      interface: vip.interface,
      address,
      prefixLength,
      isDuplicate: false,
    }),
  );
  if (code !== 0 && code !== 2) {
    throw new CliError(`Cannot take VIP ${address} away`);
  }
}

async function hostOf(context: CliContext): Promise<Host> {
  const status = await context.files.readText("/proc/self/status");
  const isAllowed = canChangeAddresses(status ?? "");
  return async (words) => {
    const [program = "", ...args] = isAllowed ? words : [
      "sudo",
      "-n",
      ...words,
    ];
    const code = await context.runProgram({ program, args, input: null });
    if (code === null) {
      throw new CliError(
        program === "sudo"
          ? "This process lacks CAP_NET_ADMIN, and sudo is not installed"
          : `${program} is not installed (packages iproute2, iputils-arping)`,
      );
    }
    return code;
  };
}

/**
 * Whether a program that this process starts may change addresses: root keeps
 * its rights over an exec, others only what is in the ambient set.
 *
 * @param status The text of `/proc/self/status`.
 */
export function canChangeAddresses(status: string): boolean {
  const isRoot = /^Uid:\s+\d+\s+0\s/m.test(status);
  const set = isRoot ? "CapEff" : "CapAmb";
  const bits = new RegExp(`^${set}:\\s+([0-9a-f]+)$`, "m").exec(status)?.[1];
  return bits !== undefined && (BigInt(`0x${bits}`) & NET_ADMIN) !== 0n;
}
