/**
 * The watchdog of real agents, by a pipe instead of a device: started with the
 * lease, fed with each renewal, silent when it is not needed; a member that
 * requires one and has none does not lead.
 */
import assert from "node:assert/strict";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

/** A pipe that stands in for a device; remembers all that was written. */
class Pipe {
  readonly #reader: number;
  #written = "";

  constructor(path: string) {
    new Deno.Command("mkfifo", { args: [path] }).outputSync();
    this.#reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  get written(): string {
    const bytes = new Uint8Array(4096);
    try {
      const length = readSync(this.#reader, bytes);
      this.#written += new TextDecoder().decode(bytes.subarray(0, length));
    } catch {
      // Nothing new while somebody has it open.
    }
    return this.#written;
  }

  [Symbol.dispose](): void {
    closeSync(this.#reader);
  }
}

unprivileged(import.meta.url, () => {
  Deno.test("watchdog: fed by the leader, required of a candidate", async (t) => {
    await using cluster = await AgentCluster.create({
      members: 2,
      change: (config, { directory }) => ({
        ...config,
        watchdog: {
          mode: "required",
          driver: "testing",
          device: `${directory}/watchdog`,
        },
      }),
    });
    const [n1, n2] = [cluster.member("n1"), cluster.member("n2")];
    for (const { place } of [n1, n2]) {
      await Deno.mkdir(place.directory, { recursive: true });
    }
    using first = new Pipe(`${n1.place.directory}/watchdog`);

    await step(
      t,
      "the leader starts it with ttl less 5 and feeds it",
      async () => {
        await cluster.startAll();
        await cluster.until(
          "keepalives",
          () => Promise.resolve(/^Ctimeout=15\n111+$/.test(first.written)),
        );
      },
    );

    await step(
      t,
      "a member without its device says so and is refused",
      async () => {
        await cluster.until(
          "n2 says watchdog_failed",
          async () => (await n2.status())?.["watchdog_failed"] === true,
        );
        assert.equal((await n1.status())?.["watchdog_failed"], undefined);
        const { status, text } = await n1.rest("/switchover", {
          method: "POST",
          body: { leader: "n1", candidate: "n2" },
        });
        assert.equal(status, 412, text);
      },
    );

    await step(t, "without a leader it does not race", async () => {
      await cluster.expireLeader();
      await cluster.untilLeader(["n1"]);
      assert.ok(!n2.log().includes("promoted self to leader"));
    });

    using second = new Pipe(`${n2.place.directory}/watchdog`);
    await step(
      t,
      "with its device it takes over, the old leader's is closed",
      async () => {
        await cluster.until(
          "n2 is well",
          async () => (await n2.status())?.["watchdog_failed"] === undefined,
        );
        await cluster.untilWhole();
        const { status, text } = await n1.rest("/switchover", {
          method: "POST",
          body: { leader: "n1", candidate: "n2" },
        });
        assert.equal(status, 200, text);
        await cluster.untilLeader(["n2"]);
        assert.match(second.written, /^Ctimeout=15\n1/);
        await cluster.until(
          "magic close",
          () => Promise.resolve(first.written.endsWith("V")),
        );
      },
    );

    await step(t, "a new ttl reaches it with a keepalive", async () => {
      await n2.rest("/config", { method: "PATCH", body: { ttl: 30 } });
      await cluster.until(
        "the new timeout",
        () => Promise.resolve(second.written.includes("Ctimeout=25\n1")),
      );
    });

    await step(
      t,
      "pause closes it, the end of the pause starts it again",
      async () => {
        await n2.rest("/config", { method: "PATCH", body: { pause: true } });
        await cluster.until(
          "magic close",
          () => Promise.resolve(second.written.endsWith("V")),
        );
        await n2.rest("/config", { method: "PATCH", body: { pause: null } });
        await cluster.until(
          "it runs again",
          () => Promise.resolve(/VCtimeout=25\n1+$/.test(second.written)),
        );
      },
    );

    await step(t, "an orderly end closes it", async () => {
      assert.equal((await n2.end()).code, 0);
      assert.ok(second.written.endsWith("V"));
    });
  });
});
