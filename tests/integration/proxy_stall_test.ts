/** A backend that stops answering its clients makes the proxy ask the store. */
import assert from "node:assert/strict";
import type { DcsHint } from "../../lib/ports/dcs.ts";
import {
  readStartup,
  sendAll,
  TestBackend,
  TestClient,
  until,
} from "../helpers/tcp.ts";
import { testFronts } from "./proxy_rig.ts";

testFronts(
  "proxy asks the store when its clients get no answer",
  async (open) => {
    await using rig = await open();
    const hints: DcsHint[] = [];
    Object.assign(rig.dcs, { takeHint: (hint: DcsHint) => hints.push(hint) });
    // It greets, and answers nothing after that: its host is frozen.
    await using backend = new TestBackend(async (connection) => {
      await readStartup(connection);
      await sendAll(connection, new TextEncoder().encode("one\n"));
      while (await connection.read(new Uint8Array(64)) !== null);
    });
    await rig.keys.primary("n1", backend.port);
    await rig.keys.lead("n1");
    {
      await using client = await TestClient.connect(rig.proxy.ports.primary);
      await client.untilText("one\n");
      await client.send("hello\n");
      await until("the store is asked", () => hints.length > 0);
      assert.deepEqual(hints[0], { kind: "suspicion" });
    }
    const waiting = (): number =>
      rig.proxy.stats().backends.reduce((sum, one) => sum + one.waiting, 0);
    await until("nobody waits any more", () => waiting() === 0);
  },
);
