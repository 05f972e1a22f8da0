/**
 * Members of both kinds read the same keys: `list` prints the same as
 * `patronictl list` in every mode, and what one side writes (configuration,
 * pause, requests) the other side does.
 */
import assert from "node:assert/strict";
import { type AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { commandLine } from "../helpers/command_line.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { mixedCluster, patchConfig, switchOver } from "./mixed.ts";
import { patronictl, patroniSkipReason } from "./programs.ts";

const SKIP = patroniSkipReason();
const SAME_LIMIT_MS = 20_000;

interface Scene {
  readonly t: Deno.TestContext;
  readonly cluster: AgentCluster;
}

unprivileged(import.meta.url, () => {
  const name = "both kinds read what the other writes" +
    (SKIP === null ? "" : `: ${SKIP}`);
  Deno.test({ name, ignore: SKIP !== null }, async (t) => {
    await using cluster = await mixedCluster(
      ["patroni", "matriarch", "patroni"],
      { slots: { keep_me: { type: "physical" } } },
    );
    const scene = { t, cluster };
    await edits(scene, "Patroni leads");
    await lists(scene, "Patroni leads");
    await pauses(scene, "Patroni leads");
    await slots(scene, cluster.member("n1"));
    await scheduled(scene, { from: "n1", to: "n2", by: "ours" });
    await edits(scene, "we lead");
    await lists(scene, "we lead");
    await pauses(scene, "we lead");
    await slots(scene, cluster.member("n2"));
    await scheduled(scene, { from: "n2", to: "n3", by: "patronictl" });
    await tags(scene);
  });
});

/** Both command lines, with the same member's configuration. */
async function isListedAlike(
  { t, cluster }: Scene,
  title: string,
  words: readonly string[] = ["list", "batman"],
): Promise<void> {
  await step(t, `${title}: ${words.join(" ")} prints the same`, async () => {
    await cluster.until("both print the same", async () => {
      const theirs = await patronictl(cluster.member("n1"), words);
      const ours = await commandLine(cluster.member("n1"), words);
      assert.equal(theirs.code, 0, theirs.errors);
      assert.equal(ours.text, theirs.output);
      return true;
    }, SAME_LIMIT_MS);
  });
}

async function lists(scene: Scene, title: string): Promise<void> {
  const { cluster } = scene;
  const n2 = cluster.member("n2");
  await isListedAlike(scene, title);
  await isListedAlike(scene, title, ["topology", "batman"]);
  for (const mode of [true, "quorum"]) {
    await patchConfig(n2, { synchronous_mode: mode });
    await cluster.until("somebody is synchronous", async () => {
      const members = await cluster.list();
      return members.some(({ role }) =>
        role === (mode === true ? "sync_standby" : "quorum_standby")
      );
    });
    await isListedAlike(scene, `${title}, synchronous_mode ${mode}`);
  }
  await patchConfig(n2, { synchronous_mode: null });
  await cluster.untilWhole();
}

async function edits({ t, cluster }: Scene, title: string): Promise<void> {
  const [n1] = cluster.members;
  assert.ok(n1 !== undefined);
  const all = ["edit-config", "batman", "--force", "-q"];
  await step(t, `${title}: patronictl edit-config reaches all`, async () => {
    const { code, errors } = await patronictl(n1, [
      ...all,
      "-p",
      "work_mem=5MB",
    ]);
    assert.equal(code, 0, errors);
    await untilAllShow(cluster, "work_mem", "5MB");
  });
  await step(t, `${title}: our edit-config reaches all`, async () => {
    const end = await commandLine(n1, [...all, "-p", "work_mem=6MB"]);
    assert.equal(end.code, 0, end.text);
    await untilAllShow(cluster, "work_mem", "6MB");
  });
  await step(t, `${title}: both wait for the same restart`, async () => {
    const [row] = await n1.sql("SHOW max_connections");
    const wanted = Number(row?.["max_connections"]) + 5;
    const edit = [...all, "-p", `max_connections=${wanted}`];
    assert.equal((await patronictl(n1, edit)).code, 0);
    await cluster.until("all wait for a restart", async () => {
      const members = await cluster.list();
      return members.every((member) => member["pending_restart"] === true);
    });
  });
  await isListedAlike({ t, cluster }, `${title}, pending restart`);
  await step(t, `${title}: our restart reaches all`, async () => {
    const end = await commandLine(n1, ["restart", "batman", "--force"]);
    assert.equal(end.code, 0, end.text);
    await cluster.untilWhole();
    await cluster.until("nobody waits for a restart", async () => {
      const members = await cluster.list();
      return members.every((member) => member["pending_restart"] === undefined);
    });
  });
}

async function untilAllShow(
  cluster: AgentCluster,
  parameter: string,
  value: string,
): Promise<void> {
  for (const member of cluster.members) {
    await cluster.until(
      `${member.name} has ${parameter} ${value}`,
      async () => {
        const [row] = await member.sql(`SHOW ${parameter}`);
        return row?.[parameter] === value;
      },
    );
  }
}

async function pauses({ t, cluster }: Scene, title: string): Promise<void> {
  const n1 = cluster.member("n1");
  await step(t, `${title}: our pause, their resume`, async () => {
    const paused = await commandLine(n1, ["pause", "batman", "--wait"]);
    assert.equal(paused.code, 0, paused.text);
    const resumed = await patronictl(n1, ["resume", "batman", "--wait"]);
    assert.equal(resumed.code, 0, resumed.errors);
  });
  await step(t, `${title}: their pause, our resume`, async () => {
    const paused = await patronictl(n1, ["pause", "batman", "--wait"]);
    assert.equal(paused.code, 0, paused.errors);
    const resumed = await commandLine(n1, ["resume", "batman", "--wait"]);
    assert.equal(resumed.code, 0, resumed.text);
  });
}

/** The permanent slot and the members' own, on every member, either kind. */
async function slots(
  { t, cluster }: Scene,
  leader: AgentMember,
): Promise<void> {
  await step(
    t,
    `slots are the same on all, led by ${leader.name}`,
    async () => {
      for (const member of cluster.members) {
        const others = cluster.others(member.name).map(({ name }) => name);
        const wanted = [...others, "keep_me"].sort().join();
        await cluster.until(`${member.name} has ${wanted}`, async () => {
          const rows = await member.sql(
            "SELECT slot_name FROM pg_replication_slots ORDER BY 1",
          );
          const found = rows.map(({ slot_name: name }) => name).join();
          assert.equal(found, wanted);
          return true;
        }, SAME_LIMIT_MS);
      }
    },
  );
}

async function scheduled(
  { t, cluster }: Scene,
  plan: {
    readonly from: string;
    readonly to: string;
    readonly by: "ours" | "patronictl";
  },
): Promise<void> {
  const { from, to, by } = plan;
  const title = `a switchover that ${by} scheduled, ${from} to ${to}`;
  await step(t, title, async () => {
    await cluster.untilWhole();
    const at = new Date(Date.now() + 5000).toISOString();
    const words = [
      ...["switchover", "batman", "--leader", from, "--candidate", to],
      ...["--scheduled", at, "--force"],
    ];
    const n1 = cluster.member("n1");
    const end = by === "ours"
      ? await commandLine(n1, words)
      : await patronictl(n1, words);
    assert.equal(end.code, 0, Deno.inspect(end));
    await cluster.untilLeader([to]);
    assert.equal((await cluster.untilWhole()).name, to);
  });
}

/** Both kinds obey the tags of the other. */
async function tags(scene: Scene): Promise<void> {
  const { t, cluster } = scene;
  const [n1, n2, n3] = cluster.members;
  assert.ok(n1 !== undefined && n2 !== undefined && n3 !== undefined);
  await step(t, "a Patroni replica streams from our replica", async () => {
    await setTags(n1, { replicatefrom: "n2" });
    await untilStreams(cluster, n2, "n1");
    await setTags(n1, {});
    await untilStreams(cluster, n3, "n1,n2");
  });
  await step(t, "our replica streams from a Patroni replica", async () => {
    await setTags(n2, { replicatefrom: "n1" });
    await untilStreams(cluster, n1, "n2");
    await setTags(n2, {});
    await untilStreams(cluster, n3, "n1,n2");
  });
  await step(t, "nofailover of ours is known to Patroni's leader", async () => {
    await setTags(n2, { nofailover: true });
    // A request that comes before the tag is carried out, and the lead is gone.
    await cluster.until("the tag is in the store", async () => {
      const key = await cluster.key("members/n2");
      return JSON.stringify(key).includes('"nofailover":true');
    });
    await cluster.until("it is refused", async () => {
      const { status, text } = await n3.rest("/switchover", {
        method: "POST",
        body: { leader: "n3", candidate: "n2", scheduled_at: null },
      });
      return status === 412 && /nofailover|no good candidates/.test(text);
    });
    await setTags(n2, {});
  });
  await switchOver({ ...scene, mode: "async" }, n3, n1);
}

async function setTags(
  member: AgentMember,
  tags: Readonly<Record<string, unknown>>,
): Promise<void> {
  member.config = { ...member.config, tags };
  member.writeConfig();
  const { status } = await member.rest("/reload", { method: "POST" });
  assert.equal(status, 202);
}

async function untilStreams(
  cluster: AgentCluster,
  source: AgentMember,
  wanted: string,
): Promise<void> {
  await cluster.until(`${wanted} stream from ${source.name}`, async () => {
    const rows = await source.sql(
      "SELECT application_name AS name FROM pg_stat_replication ORDER BY 1",
    );
    return rows.map(({ name }) => name).join() === wanted;
  });
}
