/**
 * Goal: a service manager with a watchdog hears of the HA loop as long as that
 * goes on, and of nothing else.
 *
 * Method: a real agent on a real notification socket. Its loop is made to hang
 * while its process lives on: it reads a certificate from a pipe into which
 * nobody writes.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { type NotifyReceiver, receiverAt } from "../helpers/notify_socket.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const PATIENCE_MS = 3_000;

unprivileged(import.meta.url, () => {
  Deno.test("a service manager that watches the agent", async (t) => {
    await using cluster = await AgentCluster.create({
      members: 1,
      dcs: "etcd",
      bootstrapDcs: { ttl: 30, loop_wait: 20, retry_timeout: 4 },
    });
    const member = cluster.member("n1");
    const path = `${cluster.directory}/notify`;
    const receiver = receiverAt(path);
    member.environment = {
      NOTIFY_SOCKET: path,
      WATCHDOG_USEC: `${PATIENCE_MS * 1000}`,
    };
    const ears = new Ears(receiver);
    try {
      await words(t, { cluster, member, ears });
      await storeAway(t, { cluster, member, ears });
      await hanging(t, { cluster, member, ears });
    } finally {
      receiver.close();
    }
  });
});

interface Scene {
  readonly cluster: AgentCluster;
  readonly member: AgentMember;
  readonly ears: Ears;
}

/** Everything that was heard. */
class Ears {
  readonly heard: string[] = [];
  readonly #receiver: NotifyReceiver;
  #lastAt = performance.now();

  constructor(receiver: NotifyReceiver) {
    this.#receiver = receiver;
  }

  listen(): this {
    const before = this.heard.length;
    for (;;) {
      const message = this.#receiver.next();
      if (message === null) break;
      this.heard.push(message);
    }
    if (this.heard.length > before) this.#lastAt = performance.now();
    return this;
  }

  get words(): number {
    return this.listen().heard.filter((text) => text === "WATCHDOG=1").length;
  }

  get silentMs(): number {
    this.listen();
    return performance.now() - this.#lastAt;
  }
}

async function words(
  t: Deno.TestContext,
  { cluster, member, ears }: Scene,
): Promise<void> {
  await step(
    t,
    "the loop says that it goes on, also while it rests",
    async () => {
      member.start();
      await cluster.untilLeader();
      assert.ok(ears.listen().heard.includes("READY=1"));
      let [cycle, before] = [0, 0];
      await cluster.until("five words within one rest", () => {
        const now = cycles(member.log());
        if (now !== cycle) [cycle, before] = [now, ears.words];
        return Promise.resolve(ears.words >= before + 5);
      });
    },
  );
  await step(t, "an impatient WatchdogSec is said once", () => {
    const said = member.log().match(/WatchdogSec is 3 s, .* may take 9 s/g);
    assert.equal(said?.length, 1);
    return Promise.resolve();
  });
}

async function storeAway(
  t: Deno.TestContext,
  { cluster, member, ears }: Scene,
): Promise<void> {
  await step(t, "words go on while the store does not answer", async () => {
    cluster.etcd?.freeze();
    const before = ears.words;
    try {
      await cluster.until("the loop notices", () => {
        return Promise.resolve(
          ears.words >= before + 5 &&
            /DCS is not accessible/.test(member.log()),
        );
      });
    } finally {
      cluster.etcd?.thaw();
    }
    await cluster.until("it leads again", async () => {
      ears.listen();
      return (await member.status())?.["role"] === "primary";
    });
  });
}

async function hanging(
  t: Deno.TestContext,
  { cluster, member, ears }: Scene,
): Promise<void> {
  const pipe = `${cluster.directory}/pipe`;
  await new Deno.Command("mkfifo", { args: [pipe] }).output();
  const reload = async (certfile: string | null): Promise<void> => {
    const restapi = sectionOf(member.config, "restapi");
    const config = { ...member.config, restapi: { ...restapi, certfile } };
    await Deno.writeTextFile(member.configPath, JSON.stringify(config));
    member.signal("SIGHUP");
  };
  await step(t, "a loop that hangs says nothing", async () => {
    await reload(pipe);
    await cluster.until(
      "silence",
      () => Promise.resolve(ears.silentMs > 2 * PATIENCE_MS),
    );
    assert.equal((await member.rest("/liveness")).status, 200);
  });
  await step(t, "it speaks again when it goes on", async () => {
    const before = ears.words;
    await Deno.writeTextFile(pipe, "no certificate\n");
    await cluster.until("a word", () => Promise.resolve(ears.words > before));
    await reload(null);
  });
}

/** How many cycles the log has. */
function cycles(log: string): number {
  return log.match(/no action|updating leader lock/g)?.length ?? 0;
}
