/**
 * Callbacks and hooks on real members: which program is told what, in which
 * order, and what a script can forbid; and what a receiver of messages heard of
 * all that.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { assertSigned, Receiver } from "../helpers/receiver.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const SECRET = "a secret of some length";

const EVENTS = [
  "on_start",
  "on_stop",
  "on_restart",
  "on_reload",
  "on_role_change",
];

unprivileged(import.meta.url, () => {
  Deno.test("callbacks and hooks", async (t) => {
    await using receiver = new Receiver();
    await using cluster = await AgentCluster.create({
      members: 2,
      change: (config, { directory }) => ({
        ...config,
        notify: [{ url: receiver.url, secret: SECRET }],
        postgresql: {
          ...sectionOf(config, "postgresql"),
          callbacks: Object.fromEntries(
            EVENTS.map((event) => [event, `${directory}/note`]),
          ),
          before_stop: `${directory}/note before_stop -`,
          pre_promote: `${directory}/allow`,
        },
      }),
    });
    for (const { place: { directory } } of cluster.members) {
      await script(`${directory}/note`, `echo "$1 $2" >>"${directory}/calls"`);
      await script(`${directory}/allow`, `test ! -e "${directory}/forbidden"`);
    }
    await cluster.startAll();
    await quietEvents(t, cluster);
    await roleChanges(t, cluster, receiver);
    await failedRecovery(t, cluster);
    await forbidden(t, cluster);
    await messages(t, cluster, receiver);
    await reloaded(t, cluster, receiver);
  });
});

async function script(path: string, body: string): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
}

/** Waits until the member's programs were told exactly that, and forgets it. */
async function told(
  cluster: AgentCluster,
  member: AgentMember,
  wanted: readonly string[],
): Promise<void> {
  const path = `${member.place.directory}/calls`;
  let seen: readonly string[] = [];
  try {
    await cluster.until(`${member.name} was told ${wanted}`, async () => {
      const text = await Deno.readTextFile(path).catch(() => "");
      seen = text.split("\n").filter((line) => line !== "");
      return seen.length >= wanted.length;
    }, 20_000);
  } finally {
    assert.deepEqual(seen, wanted);
  }
  await Deno.remove(path);
}

async function quietEvents(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const [first, second] = [cluster.member("n1"), cluster.member("n2")];
  await step(t, "a start is told once", async () => {
    await told(cluster, first, ["on_start primary"]);
    await told(cluster, second, ["on_start replica"]);
  });
  await step(t, "a change of settings is a reload", async () => {
    await first.rest("/config", {
      method: "PATCH",
      body: { postgresql: { parameters: { work_mem: "5MB" } } },
    });
    await told(cluster, first, ["on_reload primary"]);
    await told(cluster, second, ["on_reload replica"]);
  });
  await step(t, "a restart is neither a stop nor a start", async () => {
    const { status } = await second.rest("/restart", { method: "POST" });
    assert.equal(status, 200);
    await told(cluster, second, ["before_stop -", "on_restart replica"]);
    await cluster.untilWhole();
  });
}

async function roleChanges(
  t: Deno.TestContext,
  cluster: AgentCluster,
  receiver: Receiver,
): Promise<void> {
  const [first, second] = [cluster.member("n1"), cluster.member("n2")];
  await step(t, "a switchover changes two roles", async () => {
    const { status, text } = await first.rest("/switchover", {
      method: "POST",
      body: { leader: "n1", candidate: "n2" },
    });
    assert.equal(status, 200, text);
    assert.equal((await cluster.untilWhole()).name, "n2");
    await told(cluster, first, [
      "before_stop -",
      "on_stop primary",
      "on_role_change replica",
    ]);
    await told(cluster, second, ["on_role_change primary"]);
  });
  await step(t, "a receiver has the story once somebody writes", async () => {
    await second.sql("CREATE TABLE written (at timestamptz)");
    await cluster.until("it was told", async () => {
      await second.sql("INSERT INTO written SELECT now()");
      return receiver.types.includes("switchover");
    });
    const phases = receiver.got.map(({ document }) => document)
      .filter(({ type }) => type === "switchover")
      .map(({ data }) => JSON.stringify(data));
    assert.equal(phases.length, 1);
    assert.match(phases[0] ?? "", /"decided".*"promoted".*"first_write"/);
  });
  await step(
    t,
    "an agent that joins a running server tells a start",
    async () => {
      await second.end("SIGKILL");
      second.start();
      await cluster.untilWhole();
      await told(cluster, second, ["on_start primary"]);
    },
  );
  await step(t, "an agent that ends tells a stop", async () => {
    await first.end();
    await told(cluster, first, ["before_stop -", "on_stop replica"]);
    first.start();
    await cluster.untilWhole();
    await told(cluster, first, ["on_start replica"]);
  });
}

async function failedRecovery(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const [first, second] = [cluster.member("n1"), cluster.member("n2")];
  const autoConf = `${second.dataDir}/postgresql.auto.conf`;
  await step(t, "a leader that cannot start again is demoted", async () => {
    const before = await Deno.readTextFile(autoConf);
    await Deno.writeTextFile(autoConf, "garbage\n");
    second.killPostmaster();
    assert.equal((await cluster.untilLeader(["n1"])).name, "n1");
    await told(cluster, second, ["on_role_change demoted"]);
    await told(cluster, first, ["on_role_change primary"]);
    await Deno.writeTextFile(autoConf, before);
    await cluster.untilWhole();
    await told(cluster, second, ["on_role_change replica"]);
  });
}

async function forbidden(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const [first, second] = [cluster.member("n1"), cluster.member("n2")];
  const flag = `${second.place.directory}/forbidden`;
  await step(
    t,
    "a script that forbids the promotion frees the key",
    async () => {
      await Deno.writeTextFile(flag, "");
      await first.end();
      await cluster.until(
        "n2 gave the key back",
        async () =>
          /pre-promote script failed/.test(second.log()) &&
          (await cluster.keys())["leader"] === undefined,
      );
      assert.equal((await second.status())?.["role"], "replica");
    },
  );
  await step(t, "and is asked again a ttl later", async () => {
    await Deno.remove(flag);
    await cluster.untilLeader(["n2"]);
    assert.equal(
      second.log().match(/pre_promote script ".*" exited with/g)?.length,
      // The switchover's, the failed one, and this.
      3,
    );
  });
}

/** In this order, with others between them. */
const MESSAGES = [
  "leader_changed n1 leads",
  "member_back n2 is there",
  "leader_changed n2 leads in place of n1",
  "switchover The lead went from n1 to n2 (named_candidate)",
  "leader_changed n1 leads in place of n2",
  "leader_changed n2 leads in place of n1",
  // It gave the key back, because its script forbade the promotion.
  "leader_changed n2 leads",
  "failover The lead went",
] as const;

async function messages(
  t: Deno.TestContext,
  cluster: AgentCluster,
  receiver: Receiver,
): Promise<void> {
  const heard = () =>
    receiver.got.map(({ document: { type, text } }) => `${type} ${text}`);
  await step(
    t,
    "a receiver was told all of it, signed, each once",
    async () => {
      try {
        await cluster.until(
          "the last failover is told",
          () => Promise.resolve(isInOrder(MESSAGES, heard())),
          20_000,
        );
      } catch {
        assert.deepEqual(heard(), MESSAGES);
      }
      for (const got of receiver.got) assertSigned(got, SECRET);
      const ids = receiver.got.map(({ document }) => document["id"]);
      assert.equal(new Set(ids).size, ids.length, heard().join("\n"));
      const last = receiver.got.map(({ document }) => document)
        .findLast(({ type }) => type === "failover");
      const [record] = (await cluster.key("failovers") as unknown[]).slice(-1);
      assert.deepEqual(last?.["data"], record);
      assert.doesNotMatch(cluster.logs(), /s3cr3t-path|a secret of some/);
    },
  );
}

async function reloaded(
  t: Deno.TestContext,
  cluster: AgentCluster,
  receiver: Receiver,
): Promise<void> {
  const second = cluster.member("n2");
  await using other = new Receiver();
  await step(t, "a reload names another receiver", async () => {
    const notify = [{ url: other.url, events: ["paused"] }];
    second.config = { ...second.config, notify };
    second.writeConfig();
    second.signal("SIGHUP");
    let isPaused = false;
    await cluster.until("it hears of maintenance mode", async () => {
      isPaused = !isPaused;
      await second.rest("/config", {
        method: "PATCH",
        body: { pause: isPaused },
      });
      return other.got.length > 0;
    });
    const before = receiver.got.length;
    await second.rest("/config", { method: "PATCH", body: { pause: false } });
    await cluster.until(
      "n2 has seen that",
      async () => (await second.status())?.["pause"] !== true,
    );
    assert.deepEqual(new Set(other.types), new Set(["paused"]));
    assert.equal(other.got[0]?.headers.get("webhook-signature"), null);
    assert.equal(receiver.got.length, before);
  });
}

function isInOrder(
  wanted: readonly string[],
  heard: readonly string[],
): boolean {
  let at = 0;
  for (const line of heard) {
    if (line.startsWith(wanted[at] ?? "\n")) at += 1;
  }
  return at === wanted.length;
}
