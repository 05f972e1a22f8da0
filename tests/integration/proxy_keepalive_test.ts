/** A peer that vanished is noticed after two minutes, whatever moves the bytes. */
import assert from "node:assert/strict";
import { KernelTuning } from "../../proxy/kernel_tuning.ts";
import { TcpDialer } from "../../proxy/dial.ts";
import { loadLibc } from "../../proxy/native/libc.ts";
import { echoBackend, RealClock, TestClient } from "../helpers/tcp.ts";
import { ProxyRig } from "./proxy_rig.ts";

const LEVEL_TCP = 6;
const IDLE = [4, 60] as const;
const INTERVAL = [5, 10] as const;
const COUNT = [6, 6] as const;

for (const front of ["workers", "portable"] as const) {
  Deno.test(`both ends of a session are asked after a minute (${front})`, async () => {
    const libc = loadLibc();
    if (libc === null) throw new Error("no C library here");
    const clock = new RealClock();
    const tuning = new KernelTuning(libc);
    const dialer = new TcpDialer(clock, tuning);
    await using one = echoBackend("one");
    await using rig = await ProxyRig.open({ front, clock, dialer, tuning });
    await rig.keys.primary("n1", one.port);
    await rig.keys.lead("n1");
    const { primary } = rig.proxy.ports;
    await using client = await TestClient.connect(primary);
    await client.untilText("one\n");
    // Of the proxy's sockets alone: those of the test's own ends differ.
    let tuned = 0;
    for (const { name } of Deno.readDirSync("/proc/self/fd")) {
      const values = [IDLE, INTERVAL, COUNT].map(([option]) => {
        const value = new Int32Array(1);
        const length = new Int32Array([4]);
        libc.getsockopt(Number(name), LEVEL_TCP, option, value, length);
        return value[0];
      });
      const wanted = [IDLE, INTERVAL, COUNT].map(([, value]) => value);
      if (`${values}` === `${wanted}`) tuned++;
    }
    // Two doors, the client's end, the backend's.
    assert.equal(tuned, 4);
    libc.unload();
  });
}
