/** Goal: systemd gets the datagrams it expects, on named and abstract sockets. */
import assert from "node:assert/strict";
import { serviceManager } from "../../lib/adapters/os/systemd.ts";
import { receiverAt } from "../helpers/notify_socket.ts";

async function withSocket(
  kind: "named" | "abstract",
  test: (path: string) => void,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    test(`${kind === "abstract" ? "@" : ""}${directory}/notify`);
  } finally {
    Deno.env.delete("NOTIFY_SOCKET");
    await Deno.remove(directory, { recursive: true });
  }
}

for (const kind of ["named", "abstract"] as const) {
  Deno.test(`systemd is told on ${kind} sockets`, async () => {
    await withSocket(kind, (path) => {
      const receiver = receiverAt(path);
      Deno.env.set("NOTIFY_SOCKET", path);
      const manager = serviceManager();
      assert.equal(Deno.env.get("NOTIFY_SOCKET"), undefined);
      manager.ready();
      manager.reloading();
      manager.stopping();
      manager.mainProcess(1234);
      assert.equal(receiver.next(), "READY=1");
      const [first, time = ""] = receiver.next()?.split("\n") ?? [];
      assert.equal(first, "RELOADING=1");
      assert.match(time, /^MONOTONIC_USEC=[1-9]\d+$/);
      assert.equal(receiver.next(), "STOPPING=1");
      assert.equal(receiver.next(), "MAINPID=1234");
      assert.equal(receiver.next(), null);
      manager.close();
      receiver.close();
    });
  });
}

Deno.test("systemd hears of the loop only if it wants to", async () => {
  const own = `${Deno.pid}`;
  const cases: readonly (readonly [string, string | null, number | null])[] = [
    ["15000000", own, 15_000],
    ["15000000", null, 15_000],
    ["15000000", "1", null],
    ["0", own, null],
    ["soon", own, null],
    ["", null, null],
  ];
  for (const [us, pid, patienceMs] of cases) {
    await withSocket("named", (path) => {
      const receiver = receiverAt(path);
      Deno.env.set("NOTIFY_SOCKET", path);
      Deno.env.set("WATCHDOG_USEC", us);
      if (pid !== null) Deno.env.set("WATCHDOG_PID", pid);
      const manager = serviceManager();
      assert.equal(Deno.env.get("WATCHDOG_USEC"), undefined);
      assert.equal(Deno.env.get("WATCHDOG_PID"), undefined);
      assert.equal(manager.patienceMs, patienceMs);
      manager.alive();
      assert.equal(receiver.next(), patienceMs === null ? null : "WATCHDOG=1");
      manager.close();
      receiver.close();
    });
  }
});

Deno.test("without a socket, or with a dead one, nothing happens", async () => {
  for (const path of ["", "relative", "/nonexistent/socket"]) {
    Deno.env.set("NOTIFY_SOCKET", path);
    const manager = serviceManager();
    manager.ready();
    manager.reloading();
    manager.close();
    manager.stopping();
    manager.close();
  }
  await withSocket("named", (path) => {
    const receiver = receiverAt(path);
    receiver.close();
    Deno.env.set("NOTIFY_SOCKET", path);
    const manager = serviceManager();
    manager.ready();
    manager.close();
  });
});
