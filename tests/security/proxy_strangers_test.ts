/**
 * Strangers in the place of a server or of a door: what they say before they are
 * known reaches no client, and no other user of the host gets a share of a port.
 */
import assert from "node:assert/strict";
import { sendAll, TestBackend, TestClient, until } from "../helpers/tcp.ts";
import { testFronts } from "../integration/proxy_rig.ts";

const NOBODY = 65534;

function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7919 + 13) % 256 | 1);
}

/** What a server says to a proxy that asks it to hop. */
const ANSWERS: readonly (readonly [string, Uint8Array])[] = [
  ["nothing, and ends", new Uint8Array(0)],
  ["a zero", new Uint8Array(1)],
  ["an error, as PostgreSQL", new TextEncoder().encode("E\0\0\0\x05\0")],
  ["a page", new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n<html>")],
  ["noise without end", noise(1024 * 1024)],
];

for (const [what, answer] of ANSWERS) {
  testFronts(
    `a door that answers a hop with ${what} leads nowhere`,
    async (open) => {
      await using stranger = new TestBackend(async (connection) => {
        await connection.read(new Uint8Array(8));
        await sendAll(connection, answer);
      });
      await using rig = await open({ holdTimeoutMs: 300 });
      const doors = { primary: stranger.port, replica: stranger.port };
      await rig.keys.member("n9", { port: 1, role: "primary", doors });
      await rig.keys.lead("n9");
      {
        // A client that hears of it and stays would be waited for.
        await using client = await TestClient.connect(rig.proxy.ports.primary);
        await client.untilEnd();
        assert.match(client.text, /^E[^]*C57P03\0/);
      }
      assert.ok(stranger.accepted > 0);
      await until("nothing is left", () => {
        const { sessions, held } = rig.proxy.state();
        return sessions + held === 0;
      });
    },
  );
}

/** Whether a process of that user could bind the port as one more of its listeners. */
async function canShare(port: number, uid: number): Promise<boolean> {
  const program = [
    "socket(S, AF_INET, SOCK_STREAM, 0) or exit 2;",
    "setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1) or exit 2;",
    // SO_REUSEPORT
    "setsockopt(S, SOL_SOCKET, 15, 1) or exit 2;",
    `bind(S, pack_sockaddr_in(${port}, inet_aton("127.0.0.1"))) or exit 3;`,
    "exit 0",
  ].join(" ");
  const { code } = await new Deno.Command("perl", {
    args: ["-MSocket", "-e", program],
    ...{ uid, gid: uid, cwd: "/" },
  }).output();
  assert.ok(code === 0 || code === 3, `perl ended with ${code}`);
  return code === 0;
}

testFronts("no other user gets a share of the clients", async (open) => {
  // Only root can be somebody else; without it there is nothing to be shown.
  if (Deno.uid() !== 0) return;
  await using rig = await open();
  const { primary, replica } = rig.proxy.ports;
  for (const port of [primary, replica, rig.statsPort]) {
    assert.equal(await canShare(port, NOBODY), false);
  }
  // The attempt is a real one: the proxy's own user, for its next process, may.
  const isShared = rig.proxy.stats().dataPlane.startsWith("workers");
  assert.equal(await canShare(primary, 0), isShared);
});
