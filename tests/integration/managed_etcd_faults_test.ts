/**
 * What an operator is told when a member of the store that comes along cannot
 * run, on real etcd processes; and what happens when its data reach the quota.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { issued } from "../helpers/certificates.ts";
import {
  managedEtcdSkipReason,
  type TestMember,
  TestMembers,
} from "../helpers/etcd_members.ts";

const skipped = managedEtcdSkipReason();
const QUOTA_BYTES = 16 * 2 ** 20;

function faultTest(name: string, body: () => Promise<void>): void {
  const shown = skipped === null ? name : `${name} (${skipped})`;
  // Children are ended by their process id, not waited for.
  const options = { sanitizeResources: false, sanitizeOps: false };
  Deno.test({ ...options, name: shown, ignore: skipped !== null, fn: body });
}

async function found(member: TestMember): Promise<void> {
  await member.found();
  member.keep();
}

faultTest(
  "a port that is taken is named with its owner, and taken when it is free",
  async () => {
    await using all = await TestMembers.open();
    const a = all.add("a");
    const port = Number(new URL(a.url).port);
    const server = createServer();
    await new Promise<void>((resolve) =>
      server.listen(port, "127.0.0.1", resolve)
    );
    await found(a);
    await a.untilSaid(
      new RegExp(`^etcd: Port ${port}, .* is taken by process ${Deno.pid} `),
    );
    server.close();
    await a.untilVoter(1);
  },
);

faultTest("a process of another program is never taken for etcd", async () => {
  await using all = await TestMembers.open();
  const a = all.add("a");
  await found(a);
  await a.untilVoter(1);
  await a.leave();
  await a.kill();
  const path = `${a.config.managed.dataDir}/etcd.pid`;
  const [, started, boot] = (await Deno.readTextFile(path)).split(" ");
  // Its number belongs to this test now.
  const stat = await Deno.readTextFile(`/proc/${Deno.pid}/stat`);
  const own = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  for (const when of [started, own]) {
    await Deno.writeTextFile(path, `${Deno.pid} ${when} ${boot}`);
    assert.equal(await a.parts.process.running(), null);
    await a.parts.process.stop();
  }
  a.keep();
  await a.untilVoter(1);
});

faultTest("with TLS members take in nobody of another authority", async () => {
  await using all = await TestMembers.open();
  const tls = await issued(all.root, "own");
  const foreign = await issued(all.root, "foreign");
  const a = all.add("a", { tls });
  await found(a);
  await a.untilVoter(1);
  const stranger = all.add("b", { tls: foreign });
  await stranger.order({ kind: "join", through: [a.url] });
  stranger.keep();
  await stranger.untilSaid(/nobody of the cluster .* answers/);
  await stranger.leave();
  const b = all.add("c", { tls });
  await b.order({ kind: "join", through: [a.url] });
  b.keep();
  const { members } = await b.untilVoter(2);
  assert.deepEqual(members.map(({ name }) => name).toSorted(), ["a", "c"]);

  // A certificate that cannot be read is etcd's to name.
  await b.leave();
  await b.kill();
  const broken = tls.key;
  await Deno.rename(broken, `${broken}.away`);
  b.keep();
  await b.untilSaid(/^etcd ended: .*own\.key/);
  await Deno.rename(`${broken}.away`, broken);
  await b.untilVoter(2);
});

faultTest(
  "data of another cluster are refused, and left as they are",
  async () => {
    await using all = await TestMembers.open();
    const a = all.add("a");
    const b = all.add("b");
    await found(a);
    await found(b);
    await Promise.all([a.untilVoter(1), b.untilVoter(1)]);
    await b.order({ kind: "join", through: [a.url] });
    await b.untilSaid(/are another cluster's than the one of its order/);
    assert.ok(await b.parts.folder.hasData());
    await b.until(
      "etcd has ended",
      async () => await b.parts.process.running() === null,
    );
    assert.equal((await a.untilVoter(1)).members.length, 1);
  },
);

faultTest("a store that is full is told, and takes writes again", async () => {
  await using all = await TestMembers.open();
  const a = all.add("a", { changes: { quotaBytes: QUOTA_BYTES } });
  await found(a);
  await a.untilVoter(1);
  const value = btoa("x".repeat(512 * 1024));
  const put = async (): Promise<string> => {
    const response = await fetch(`${a.url}/v3/kv/put`, {
      method: "POST",
      body: JSON.stringify({ key: btoa("big"), value }),
      signal: AbortSignal.timeout(10_000),
    });
    return await response.text();
  };
  let answer = "";
  // Old revisions of one key fill it; compaction makes room again.
  for (let n = 0; n < 60 && !answer.includes("database space"); n++) {
    answer = await put();
  }
  assert.match(answer, /database space exceeded/);
  await a.untilSaid(/reached the quota of 16 MB, so it refuses every write/);
  await a.untilSaid(/made room/);
  assert.match(await put(), /"revision"/);
});
