/** Clients of the same host, by unix sockets of the names that libpq looks for. */
import assert from "node:assert/strict";
import { ProxyStartError } from "../../proxy/options.ts";
import type { SessionRecord } from "../../proxy/session_record.ts";
import { echoBackend, TestClient, until } from "../helpers/tcp.ts";
import { freePort } from "../helpers/free_ports.ts";
import { type ProxyRig, type RigOptions, testFronts } from "./proxy_rig.ts";

type Open = (options?: RigOptions) => Promise<ProxyRig>;

/** Runs a test with a folder for sockets. */
function testSockets(
  name: string,
  body: (open: Open, folder: string) => Promise<void>,
): void {
  testFronts(name, async (open) => {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-unix-" });
    const sockets = { folder, mode: 0o770 };
    try {
      await body((options) => open({ sockets, ...options }), folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

async function withLeader(rig: ProxyRig, port: number): Promise<void> {
  await rig.keys.primary("n1", port);
  await rig.keys.lead("n1");
  await until("n1 is routed", () => rig.proxy.stats().routes.primary !== null);
}

async function filesOf(folder: string): Promise<readonly string[]> {
  const found = await Array.fromAsync(Deno.readDir(folder));
  return found.map(({ name }) => name).sort();
}

testSockets(
  "clients of this host come by unix sockets",
  async (open, folder) => {
    await using one = echoBackend("one");
    await using two = echoBackend("two");
    const records: SessionRecord[] = [];
    const rig = await open({
      onSession: (record) => records.push(record),
      // Who may use the sockets is said by their permissions.
      allow: ["192.0.2.0/24"],
      acceptProxyFrom: ["192.0.2.0/24"],
    });
    try {
      await withLeader(rig, one.port);
      await rig.keys.replica("n2", two.port);
      await until(
        "n2 is routed",
        () => rig.proxy.stats().routes.replicas.length > 0,
      );
      const { primary, replica } = rig.proxy.ports;
      const names = [primary, replica].map((port) => `.s.PGSQL.${port}`).sort();
      assert.deepEqual(await filesOf(folder), names);
      for (const name of names) {
        const { mode } = await Deno.stat(`${folder}/${name}`);
        assert.equal((mode ?? 0) & 0o777, 0o770);
      }
      await using writer = await TestClient.local(
        `${folder}/.s.PGSQL.${primary}`,
      );
      await writer.untilText("one\n");
      const bulk = "x".repeat(3_000_000);
      await writer.send(`${bulk}.`);
      await writer.untilText(`${bulk}.`);
      await using reader = await TestClient.local(
        `${folder}/.s.PGSQL.${replica}`,
      );
      await reader.untilText("two\n");
      await reader[Symbol.asyncDispose]();
      await until("it is in the log", () => records.length === 1);
      assert.equal(records[0]?.address, "local");
      await using stranger = await TestClient.connect(primary);
      await stranger.untilEnd();
      assert.equal(rig.proxy.stats().ports.primary.denied, 1);
    } finally {
      await rig[Symbol.asyncDispose]();
    }
    assert.deepEqual(await filesOf(folder), [], "they go with the proxy");
  },
);

testSockets(
  "a socket that nobody listens at is replaced",
  async (open, folder) => {
    const port = freePort();
    const path = `${folder}/.s.PGSQL.${port}`;
    // As a process that was killed leaves it; who closes it removes its own name.
    const left = Deno.listen({ transport: "unix", path: `${folder}/other` });
    await Deno.rename(`${folder}/other`, path);
    left.close();
    assert.deepEqual(await filesOf(folder), [`.s.PGSQL.${port}`]);
    await using one = echoBackend("one");
    await using rig = await open({ primaryPort: port });
    await withLeader(rig, one.port);
    await using client = await TestClient.local(path);
    await client.untilText("one\n");
  },
);

testSockets(
  "a socket at which somebody listens is left alone",
  async (open, folder) => {
    const port = freePort();
    const path = `${folder}/.s.PGSQL.${port}`;
    using other = Deno.listen({ transport: "unix", path });
    await assert.rejects(open({ primaryPort: port }), (error: Error) => {
      assert.ok(error instanceof ProxyStartError);
      assert.match(error.message, /^Cannot listen on \/.*another program/);
      return true;
    });
    const accepting = other.accept();
    using _client = await Deno.connect({ transport: "unix", path });
    (await accepting).close();
    // Nothing stays open of a proxy that could not start.
    Deno.listen({ hostname: "127.0.0.1", port }).close();
  },
);

testSockets("a directory that does not exist is said", async (open, folder) => {
  const sockets = { folder: `${folder}/none`, mode: 0o777 };
  await assert.rejects(
    open({ sockets }),
    /Cannot listen on .*\/none\/\.s\.PGSQL\.\d+ \(proxy\.unix_socket_directory\): /,
  );
});
