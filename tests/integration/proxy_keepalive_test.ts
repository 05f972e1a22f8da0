/** A peer that vanished is noticed after two minutes, whatever moves the bytes. */
import assert from "node:assert/strict";
import { KernelTuning } from "../../proxy/kernel_tuning.ts";
import { TcpDialer } from "../../proxy/dial.ts";
import { loadLibc } from "../../proxy/native/libc.ts";
import { echoBackend, RealClock, TestClient } from "../helpers/tcp.ts";
import { ProxyRig } from "./proxy_rig.ts";

const LEVEL_TCP = 6;
const IDLE = [4, 61] as const;
const INTERVAL = [5, 11] as const;
const COUNT = [6, 7] as const;
const USER_TIMEOUT = [18, 45_000] as const;
const OPTIONS = [IDLE, INTERVAL, COUNT, USER_TIMEOUT];
const TUNING = {
  keepaliveIdleS: 61,
  keepaliveIntervalS: 11,
  keepaliveCount: 7,
  userTimeoutMs: 45_000,
};

for (const front of ["workers", "portable"] as const) {
  Deno.test(`both ends of a session are asked as configured (${front})`, async () => {
    const libc = loadLibc();
    if (libc === null) throw new Error("no C library here");
    const clock = new RealClock();
    const tuning = new KernelTuning(libc, TUNING);
    const dialer = new TcpDialer(clock, tuning);
    await using one = echoBackend("one");
    await using rig = await ProxyRig.open({
      ...{ front, clock, dialer, tuning, tcp: TUNING },
    });
    await rig.keys.primary("n1", one.port);
    await rig.keys.lead("n1");
    const { primary, replica } = rig.proxy.ports;
    await using client = await TestClient.connect(primary);
    await client.untilText("one\n");
    const values = ownSockets({ doors: [primary, replica], backend: one.port })
      .map((descriptor) =>
        OPTIONS.map(([option]) => {
          const value = new Int32Array(1);
          const length = new Int32Array([4]);
          libc.getsockopt(descriptor, LEVEL_TCP, option, value, length);
          return value[0];
        })
      );
    const wanted = OPTIONS.map(([, value]) => value);
    // Two doors, the client's end, the backend's.
    assert.deepEqual(values, [wanted, wanted, wanted, wanted]);
    libc.unload();
  });
}

interface Places {
  readonly doors: readonly number[];
  readonly backend: number;
}

/**
 * Descriptors of the proxy's sockets alone: other files may run in this process,
 * and the test has the other end of each connection.
 */
function ownSockets({ doors, backend }: Places): readonly number[] {
  const inodes = new Set<string>();
  const [, ...lines] = Deno.readTextFileSync("/proc/net/tcp").trim().split(
    "\n",
  );
  for (const line of lines) {
    // sl local_address rem_address st queues timer retransmits uid timeout inode
    const fields = line.trim().split(/\s+/);
    const [local = 0, remote = 0] = fields.slice(1, 3)
      .map((address) => Number.parseInt(address.split(":")[1] ?? "", 16));
    const isOurs = doors.includes(local) || remote === backend;
    if (isOurs) inodes.add(`socket:[${fields[9]}]`);
  }
  return [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => Number(name))
    .filter((descriptor) => inodes.has(targetOf(descriptor)));
}

function targetOf(descriptor: number): string {
  try {
    return Deno.readLinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    // Closed since: by another file, or the folder itself.
    return "";
  }
}
