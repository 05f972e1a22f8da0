/**
 * The steps of docs/migration.md, in their order, while a client writes all the
 * time: a live scope moves from Patroni to this project member by member and
 * back; then both ways in pause, without a stop of PostgreSQL. Prints the
 * longest time without an acknowledged write, which no check looks at.
 */
import assert from "node:assert/strict";
import { type AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { commandLine } from "../helpers/command_line.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";
import { mixedCluster, named } from "./mixed.ts";
import {
  type Kind,
  kindOf,
  patronictl,
  patroniSkipReason,
  setKind,
} from "./programs.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const VALIDATE_LIMIT_MS = 60_000;
const SKIP = patroniSkipReason();

interface Scene {
  readonly t: Deno.TestContext;
  readonly cluster: AgentCluster;
  readonly watch: WritableWatch;
}

unprivileged(import.meta.url, () => {
  const name = "a live scope moves over, and back" +
    (SKIP === null ? "" : `: ${SKIP}`);
  Deno.test({ name, ignore: SKIP !== null }, async (t) => {
    await using cluster = await mixedCluster(["patroni", "patroni", "patroni"]);
    await WritableWatch.prepare(cluster.member("n1"));
    await using watch = new WritableWatch(cluster.members);
    const scene = { t, cluster, watch };
    await isValid(scene);
    await measured(scene, "member by member", () => move(scene, "matriarch"));
    await measured(
      scene,
      "member by member, back",
      () => move(scene, "patroni"),
    );
    await measured(scene, "in pause", () => moveInPause(scene, "matriarch"));
    await measured(
      scene,
      "in pause, back",
      () => moveInPause(scene, "patroni"),
    );
    await watch.end();
    await step(t, "never two primaries at once", () => {
      assert.deepEqual(watch.violations(), []);
      return Promise.resolve();
    });
  });
});

/** Step 1: `matriarch --validate-config FILE` on each host. */
async function isValid({ t, cluster }: Scene): Promise<void> {
  await step(t, "step 1: each configuration file is valid for us", async () => {
    for (const { configPath, place } of cluster.members) {
      // The check rightly dislikes 127.0.0.1 as an address for other hosts.
      const copy = `${place.directory}/checked.yml`;
      const text = await Deno.readTextFile(configPath);
      await Deno.writeTextFile(
        copy,
        text.replaceAll(
          "connect_address: 127.0.0.1",
          "connect_address: 127.0.0.2",
        ),
      );
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "--allow-all", "--no-check", "--node-modules-dir=manual"],
          ...["--frozen", "--quiet", MAIN, "run", "--validate-config"],
          // The ports are in use: Patroni is running.
          ...["--ignore-listen-port", copy],
        ],
        cwd: new URL("../../", import.meta.url).pathname,
        signal: AbortSignal.timeout(VALIDATE_LIMIT_MS),
      }).output();
      const decoder = new TextDecoder();
      assert.equal(code, 0, decoder.decode(stdout) + decoder.decode(stderr));
    }
  });
}

/** Runs a way of moving, checks all rows and prints what the client felt. */
async function measured(
  { t, cluster, watch }: Scene,
  title: string,
  run: () => Promise<void>,
): Promise<void> {
  const first = watch.acknowledged.length;
  await run();
  await step(t, `${title}: no acknowledged row is lost`, async () => {
    const leader = await cluster.untilWhole();
    const count = watch.acknowledged.length;
    await cluster.until(
      "the client writes",
      () => Promise.resolve(watch.acknowledged.length > count),
    );
    const lost = await watch.lostOn(leader);
    const acknowledged = watch.acknowledged.slice(first);
    const times = acknowledged.map(({ answeredAt }) => answeredAt);
    const gaps = times.slice(1).map((at, i) => at - (times[i] ?? at));
    console.log(
      `${title}: ${times.length} rows acknowledged, ${lost.length} lost, ` +
        `longest gap ${Math.round(Math.max(...gaps))} ms`,
    );
    assert.deepEqual(lost, []);
  });
}

/** Steps 2 to 4. */
async function move(scene: Scene, kind: Kind): Promise<void> {
  const { t, cluster } = scene;
  const old = await cluster.untilWhole();
  for (const replica of cluster.others(old.name)) {
    await exchange(scene, replica, kind);
  }
  const next = cluster.others(old.name)[0];
  assert.ok(next !== undefined);
  await step(
    t,
    `step 3: switchover ${named(old)} to ${named(next)}`,
    async () => {
      await tool(old, [
        ...["switchover", "batman", "--force"],
        ...["--leader", old.name, "--candidate", next.name],
      ]);
      assert.equal((await cluster.untilWhole()).name, next.name);
    },
  );
  await exchange(scene, old, kind);
}

/** Step 2 (and 4): the agent ends with its PostgreSQL, the other kind starts. */
async function exchange(
  { t, cluster }: Scene,
  member: AgentMember,
  kind: Kind,
): Promise<void> {
  await step(t, `step 2: exchange ${named(member)}`, async () => {
    const leader = await cluster.untilWhole();
    const { code } = await member.end();
    assert.equal(code, 0, member.logEnd());
    assert.equal(member.postmasterPid(), null);
    const mark = member.log().length;
    setKind(member, kind);
    member.start();
    assert.equal((await cluster.untilWhole()).name, leader.name);
    const log = member.log().slice(mark);
    assert.doesNotMatch(log, /trying to bootstrap from|running pg_rewind/);
    await isAtRest(cluster);
  });
}

/** Nobody waits for a restart: both kinds give PostgreSQL the same settings. */
async function isAtRest(cluster: AgentCluster): Promise<void> {
  const list = await cluster.list();
  for (const member of list) {
    assert.equal(member["pending_restart"], undefined, JSON.stringify(list));
  }
}

/** The way without a restart of PostgreSQL. */
async function moveInPause(scene: Scene, kind: Kind): Promise<void> {
  const { t, cluster } = scene;
  const leader = await cluster.untilWhole();
  const pids = cluster.members.map((member) => member.postmasterPid());
  await step(t, "pause", async () => {
    await tool(leader, ["pause", "batman", "--wait"]);
  });
  for (const member of cluster.members) {
    await step(t, `in pause: exchange ${named(member)}`, async () => {
      await member.end();
      assert.ok(member.postmasterPid() !== null, member.logEnd());
      setKind(member, kind);
      member.start();
      await cluster.until(`${member.name} answers`, async () => {
        const status = await member.status();
        return status?.["state"] === "running" && status["pause"] === true;
      });
    });
  }
  await step(t, "resume", async () => {
    await cluster.untilLeader([leader.name]);
    await tool(leader, ["resume", "batman", "--wait"]);
    assert.equal((await cluster.untilWhole()).name, leader.name);
    const now = cluster.members.map((member) => member.postmasterPid());
    assert.deepEqual(now, pids, "no PostgreSQL was restarted");
    await isAtRest(cluster);
  });
}

/** The member's own command line: patronictl or ours. */
async function tool(
  member: AgentMember,
  words: readonly string[],
): Promise<void> {
  if (kindOf(member) === "patroni") {
    const end = await patronictl(member, words);
    assert.equal(end.code, 0, end.output + end.errors);
    return;
  }
  const end = await commandLine(member, words);
  assert.equal(end.code, 0, end.text);
}
