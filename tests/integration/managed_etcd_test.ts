/**
 * The store that comes along, on real etcd processes: growing, being killed,
 * losing and regaining its quorum, replacing a member, beginning anew.
 */
import assert from "node:assert/strict";
import { stringify } from "yaml";
import {
  managedEtcdSkipReason,
  type TestMember,
  TestMembers,
} from "../helpers/etcd_members.ts";
import { freePorts } from "../helpers/free_ports.ts";
import { matriarchCommand } from "../helpers/program.ts";
import { untilIt } from "../helpers/wait.ts";

const skipped = managedEtcdSkipReason();

function etcdTest(name: string, body: () => Promise<void>): void {
  // Children are ended by their process id, not waited for.
  const options = { ignore: skipped !== null, sanitizeResources: false };
  const shown = skipped === null ? name : `${name} (${skipped})`;
  Deno.test({ ...options, name: shown, sanitizeOps: false, fn: body });
}

/** The configuration of that member's host. */
async function configOf(
  member: TestMember,
  others: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const { managed } = member.config;
  const file = `${managed.dataDir}.yml`;
  const { host } = new URL(managed.clientUrl);
  const peer = new URL(managed.peerUrl).host;
  await Deno.writeTextFile(
    file,
    stringify({
      ...{ scope: "demo", name: managed.name },
      etcd3: {
        ...{ managed: true, data_dir: managed.dataDir },
        ...{ connect_address: host, peer_connect_address: peer },
        election_timeout: managed.electionMs,
        ...(managed.programFolder === null
          ? {}
          : { etcd_bin: managed.programFolder }),
      },
      ...others,
    }),
  );
  return file;
}

/** `matriarch etcd WORDS` on that member's host. */
async function command(
  member: TestMember,
  ...words: readonly string[]
): Promise<{ readonly code: number; readonly text: string }> {
  const file = await configOf(member);
  const { code, stdout, stderr } = await matriarchCommand(
    ["-c", file, "etcd", ...words],
    { stdin: "null" },
  ).output();
  const text = [stdout, stderr].map((one) => new TextDecoder().decode(one));
  return { code, text: text.join("") };
}

/** Puts keys, one after the other, until it is told to end; gaps are its findings. */
function writer(url: () => string) {
  let isOver = false;
  const gaps: number[] = [];
  const writing = (async () => {
    let last = performance.now();
    for (let n = 0; !isOver; n++) {
      if (await put(url(), `w${n}`)) {
        gaps.push(performance.now() - last);
        last = performance.now();
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  return async (): Promise<{ writes: number; worstMs: number }> => {
    isOver = true;
    await writing;
    return { writes: gaps.length, worstMs: Math.max(...gaps) };
  };
}

async function put(
  url: string,
  key: string,
  value = "v",
): Promise<boolean> {
  const body = JSON.stringify({ key: btoa(key), value: btoa(value) });
  try {
    const response = await fetch(`${url}/v3/kv/put`, {
      ...{ method: "POST", body },
      signal: AbortSignal.timeout(2_000),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Asked until etcd answers: it refuses while it has no leader. */
async function has(url: string, key: string): Promise<boolean> {
  const { isThere } = await untilIt(`${url} answers`, async () => {
    const response = await fetch(`${url}/v3/kv/range`, {
      method: "POST",
      body: JSON.stringify({ key: btoa(key) }),
      signal: AbortSignal.timeout(2_000),
    });
    const { count = "0" } = await response.json();
    return response.ok && { isThere: count === "1" };
  });
  return isThere;
}

etcdTest(
  "a change of the members whose answer was lost is made once",
  async () => {
    await using all = await TestMembers.open();
    const [a, b] = await all.grow(["a", "b"]);
    assert.ok(a !== undefined && b !== undefined);
    const { admin } = a.parts;
    // etcd refuses changes while a member is new.
    const untilDone = (change: () => Promise<void>) =>
      a.until("etcd makes a change", () => change().then(() => true));
    await untilDone(() => admin.addLearner(a.url, "http://127.0.0.1:1"));
    await admin.addLearner(b.url, "http://127.0.0.1:1");
    const added = await admin.members(a.url, "agreed");
    assert.equal(added.members.length, 3);
    const [first, learner] = ["a", ""].map((name) =>
      added.members.find((one) => one.name === name)?.id ?? "none"
    );
    assert.ok(first !== undefined && learner !== undefined);
    await admin.promote(b.url, first);
    await assert.rejects(
      admin.promote(a.url, learner),
      /in sync|not connected|unhealthy/,
    );
    for (const { url } of [b, a]) {
      await untilDone(() => admin.remove(url, learner));
    }
    assert.equal((await admin.members(a.url, "agreed")).members.length, 2);
  },
);

etcdTest(
  "a store grows under writes, loses members and gets them back",
  async () => {
    await using all = await TestMembers.open();
    const [a] = await all.grow(["a"]);
    assert.ok(a !== undefined);
    const written = writer(() => a.url);
    const others = ["b", "c"].map((name) => all.add(name));
    for (const other of others) {
      await other.order({ kind: "join", through: [a.url] });
      other.keep();
    }
    const [b, c] = others;
    assert.ok(b !== undefined && c !== undefined);
    await Promise.all([b.untilVoter(3), c.untilVoter(3)]);
    const { writes, worstMs } = await written();
    // An election takes half a second; a lost quorum would take until its return.
    assert.ok(
      writes > 50 && worstMs < 4_000,
      `${writes} writes, ${worstMs} ms`,
    );

    // An agent that ends leaves etcd running, and the next one adopts it.
    const pid = await c.pid();
    await c.leave();
    assert.equal(await c.pid(), pid);
    c.keep();
    await c.untilSaid(new RegExp(`runs on this host as process ${pid}`));
    await c.kill();
    await c.untilVoter(3);
    assert.notEqual(await c.pid(), pid);

    // Settings of the file that it was not started with are told, and come
    // into force by a restart, under writes.
    assert.deepEqual(await c.parts.process.differences(), []);
    await c.leave();
    c.change({ electionMs: 900 });
    c.keep();
    await c.untilSaid(/started, with election-timeout 500 instead of 900;/);
    const before = await c.pid();
    const during = writer(() => a.url);
    const restarted = await command(c, "restart", "--force");
    assert.equal(restarted.code, 0, restarted.text);
    assert.notEqual(await c.pid(), before);
    assert.deepEqual(await c.parts.process.differences(), []);
    assert.ok((await during()).writes > 0);
    await c.untilVoter(3);

    // Without agents nobody starts what is killed: the quorum is lost.
    await Promise.all([b.leave(), c.leave()]);
    await Promise.all([b.kill(), c.kill()]);
    await a.untilSaid(/has no quorum/);
    const lost = await command(a, "status");
    assert.equal(lost.code, 1, lost.text);
    assert.match(lost.text, /quorum is lost: 1 of 3 .* 2 are needed/);
    assert.match(
      (await command(a, "remove", "b", "--force")).text,
      /no quorum/,
    );
    b.keep();
    await b.untilVoter(3);

    // Host c is gone with its data; its agent waits for a place, and takes it.
    const { dataDir } = c.config.managed;
    await Deno.remove(`${dataDir}/etcd`, { recursive: true });
    c.keep();
    await c.untilSaid(/its data are gone/);
    assert.match(
      (await command(a, "replace", "b")).text,
      /Without b too few members/,
    );
    const replaced = await command(a, "replace", "c", "--force");
    assert.equal(replaced.code, 0, replaced.text);
    await c.untilVoter(3);
    const healthy = await command(b, "status");
    assert.equal(healthy.code, 0, healthy.text);
    assert.equal(healthy.text.match(/running/g)?.length, 3, healthy.text);

    const removed = await command(a, "remove", "c", "--force");
    assert.equal(removed.code, 0, removed.text);
    await c.untilSaid(/was removed from the cluster/);
    await a.untilSaid(/2 voting members .* loss of 0/);
  },
);

etcdTest(
  "a host that loses power after any step of joining becomes a member",
  async () => {
    await using all = await TestMembers.open();
    const [a] = await all.grow(["a"]);
    assert.ok(a !== undefined);
    const b = all.add("b");
    await b.order({ kind: "join", through: [a.url] });
    // Each agent does one step, then it and etcd are killed.
    let rounds = 0;
    await b.until("it is a member", async () => {
      rounds += 1;
      await b.oneRound();
      if (await isMember(b)) return true;
      // A process that is killed before it answers would be so for ever.
      if (rounds % 2 === 0) await answered(b);
      else await b.kill();
      return false;
    });
    await b.kill();
    b.keep();
    const { members } = await b.untilVoter(2);
    assert.equal(members.length, 2);
    assert.ok(rounds >= 4, `${rounds} rounds`);
  },
);

async function isMember(member: TestMember): Promise<boolean> {
  return (await member.parts.folder.order())?.kind === "member";
}

/** Waits for its own answer if it runs. */
async function answered(member: TestMember): Promise<void> {
  if (await member.parts.process.running() === null) return;
  await member.until(
    "it answers",
    async () => (await member.parts.admin.status(member.url)).memberId !== "",
  );
}

etcdTest(
  "a store begins anew from its last member, and from a snapshot",
  async () => {
    await using all = await TestMembers.open();
    const [a, b] = await all.grow(["a", "b"]);
    assert.ok(a !== undefined && b !== undefined);
    assert.ok(await put(a.url, "before"));
    const { ageMs } = { ageMs: () => a.parts.snapshots.ageMs() };
    await a.until("there is a snapshot", async () => await ageMs() !== null);
    const file = `${all.root}/by-hand.db`;
    const saved = await command(a, "snapshot", file);
    assert.equal(saved.code, 0, saved.text);
    assert.ok(await put(a.url, "after"));

    const needless = await command(a, "restore", "--force-new-cluster");
    assert.match(needless.text, /has its quorum: nothing has to be forced/);
    await b.leave();
    await b.kill();
    await a.untilSaid(/has no quorum/);
    const unasked = await command(a, "restore", "--force-new-cluster");
    assert.match(unasked.text, /must never come back.*Aborted/s);
    const forced = await command(
      a,
      "restore",
      "--force-new-cluster",
      "--force",
    );
    assert.equal(forced.code, 0, forced.text);
    await a.untilVoter(1);
    assert.ok(await has(a.url, "before") && await has(a.url, "after"));

    // Who was left behind does not start with what it has, and joins on demand.
    b.keep();
    await b.untilSaid(/was removed from the cluster/);
    const { host } = new URL(a.url);
    assert.match((await command(b, "join", host)).text, /already has an order/);
    const joined = await command(b, "join", host, "--discard");
    assert.equal(joined.code, 0, joined.text);
    await b.untilVoter(2);

    const restored = await command(a, "restore", file, "--force");
    assert.equal(restored.code, 0, restored.text);
    await a.untilVoter(1);
    assert.ok(await has(a.url, "before") && !await has(a.url, "after"));
    await b.untilSaid(/run another cluster than the one of this host's data/);
  },
);

etcdTest(
  "the last member goes on alone also if it was started without a quorum",
  async () => {
    await using all = await TestMembers.open();
    const [a, b] = await all.grow(["a", "b"]);
    assert.ok(a !== undefined && b !== undefined);
    assert.ok(await put(a.url, "before"));
    // Etcd writes down that an entry is agreed on with the one after it.
    assert.ok(await put(a.url, "the last"));
    await b.leave();
    await b.kill();
    await a.kill();
    await a.until(
      "it runs again",
      async () => await a.parts.process.running() !== null,
    );
    // Etcd serves nobody before it has found a leader once.
    const force = ["restore", "--force-new-cluster"] as const;
    const unasked = await command(a, ...force);
    assert.match(unasked.text, /nobody can tell whose data.*Aborted/s);
    const forced = await command(a, ...force, "--force");
    assert.equal(forced.code, 0, forced.text);
    await a.untilVoter(1);
    assert.ok(await has(a.url, "before"));
  },
);

etcdTest(
  "three hosts found a cluster together, and one never founds again",
  async () => {
    await using all = await TestMembers.open();
    const hosts = ["a", "b", "c"].map((name) => all.add(name));
    for (const host of hosts) {
      await host.found(hosts);
      host.keep();
    }
    const views = await Promise.all(hosts.map((host) => host.untilVoter(3)));
    assert.equal(new Set(views.map(({ clusterId }) => clusterId)).size, 1);
    const [lost, other] = hosts;
    assert.ok(lost !== undefined && other !== undefined);
    await lost.leave();
    await lost.kill();
    // A container without its volume: even the order is the first one again.
    await Deno.remove(lost.config.managed.dataDir, { recursive: true });
    await lost.found(hosts);
    lost.keep();
    await lost.untilSaid(/its data are gone/);
    const replaced = await command(other, "replace", "a", "--force");
    assert.equal(replaced.code, 0, replaced.text);
    await lost.untilVoter(3);
  },
);

etcdTest(
  "a host with a proxy and no PostgreSQL keeps a member, too",
  async () => {
    await using all = await TestMembers.open();
    const [a] = await all.grow(["a"]);
    assert.ok(a !== undefined);
    const witness = all.add("w");
    await witness.order({ kind: "join", through: [a.url] });
    const [primary_port, replica_port, stats_port] = freePorts(3);
    const proxy = {
      listen: "127.0.0.1",
      primary_port,
      replica_port,
      stats_port,
    };
    const file = await configOf(witness, { proxy });
    const start = () =>
      matriarchCommand(["proxy", file], { stdout: "null", stderr: "null" })
        .spawn();
    const child = start();
    await witness.untilVoter(2);
    const pid = await witness.pid();
    // One that is killed leaves etcd running, and the next one goes on.
    child.kill("SIGKILL");
    await child.status;
    assert.equal(await witness.pid(), pid);
    const next = start();
    await witness.kill();
    await witness.untilVoter(2);
    // Two would start and stop it against each other.
    witness.keep();
    await witness.untilSaid(/another process keeps this member/);
    next.kill("SIGTERM");
    await next.status;
    await witness.untilSaid(/etcd runs on this host as process/);
  },
);

etcdTest(
  "a founder that starts after the others have a quorum is still one of them",
  async () => {
    await using all = await TestMembers.open();
    const hosts = ["a", "b", "c"].map((name) => all.add(name));
    const [first, second, late] = hosts;
    assert.ok(first !== undefined && second !== undefined);
    assert.ok(late !== undefined);
    for (const host of hosts) await host.found(hosts);
    for (const host of [first, second]) host.keep();
    await first.until("they have a quorum", async () => {
      const { leaderId } = await first.parts.admin.status(first.url);
      return leaderId !== null && await put(first.url, "early");
    });
    late.keep();
    await late.untilVoter(3);
    assert.ok(await has(late.url, "early"));
  },
);
