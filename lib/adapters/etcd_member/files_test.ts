import assert from "node:assert/strict";
import type { EtcdMemberSettings } from "../../core/model/etcd_member.ts";
import { etcdArguments, otherWords } from "./command_line.ts";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { EtcdOrder } from "../../core/model/etcd_order.ts";
import { keepLogSmall, lastReason } from "./log_file.ts";
import { readOrder, writeOrder } from "./order_file.ts";
import { saveSnapshot } from "./snapshot_stream.ts";
import { EtcdSnapshotsLocal } from "./snapshots.ts";

const FOUNDER = {
  ...{ name: "a", peerUrl: "http://a:2380" },
  clientUrl: "http://a:2379",
};

function fileTest(name: string, body: (root: string) => Promise<void>): void {
  Deno.test(name, async () => {
    const root = await Deno.makeTempDir({ prefix: "matriarch-member-" });
    try {
      await body(root);
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  });
}

fileTest("every order is read as it was written", async (root) => {
  const folder = join(root, "etcd");
  assert.equal(await readOrder(folder), null);
  const orders: readonly EtcdOrder[] = [
    { kind: "found", members: [FOUNDER] },
    { kind: "join", through: ["http://a:2379"] },
    { kind: "rejoin", through: [] },
    { kind: "member", clusterId: "1", memberId: "2" },
    { kind: "force" },
    { kind: "restore", snapshot: "/s.db" },
  ];
  for (const order of orders) {
    await writeOrder(folder, order);
    assert.deepEqual(await readOrder(folder), order);
  }
  assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), [
    "order.json",
  ]);
});

fileTest(
  "a link in the way of an order is replaced and not followed",
  async (root) => {
    const other = join(root, "other");
    await Deno.writeTextFile(other, "mine");
    await Deno.symlink(other, join(root, "order.json.new"));
    await writeOrder(root, { kind: "force" });
    assert.equal(await Deno.readTextFile(other), "mine");
    assert.ok((await Deno.lstat(join(root, "order.json"))).isFile);
    assert.deepEqual(await readOrder(root), { kind: "force" });
  },
);

fileTest("what is no order is never taken for none", async (root) => {
  const bad = [
    "",
    "{",
    "null",
    "[]",
    '{"kind":"found"}',
    '{"kind":"join",' +
    '"through":[1]}',
    '{"kind":"member","clusterId":1}',
    '{"kind":"other"}',
  ];
  for (const text of bad) {
    await Deno.writeTextFile(join(root, "order.json"), text);
    await assert.rejects(readOrder(root), /Cannot use .*order\.json/, text);
  }
});

fileTest(
  "a log that has grown becomes the old one, and says why it ended",
  async (root) => {
    const path = join(root, "etcd.log");
    await keepLogSmall(path);
    assert.equal(await lastReason(path), null);
    const lines = [
      { level: "fatal", msg: "discovery failed", error: "no space left" },
      { level: "warn", msg: "closing" },
    ];
    await Deno.writeTextFile(
      path,
      lines.map((line) => `${JSON.stringify(line)}\n`).join("") + "{cut",
    );
    assert.equal(await lastReason(path), "discovery failed: no space left");
    await keepLogSmall(path);
    assert.ok((await Deno.stat(path)).size > 0);
    await Deno.writeTextFile(path, "x".repeat(9 * 2 ** 20));
    await keepLogSmall(path);
    assert.equal((await Deno.stat(path)).size, 0);
    assert.equal((await Deno.stat(`${path}.1`)).size, 9 * 2 ** 20);
  },
);

/** As etcd sends it, in parts that are cut anywhere. */
function streamOf(content: Uint8Array, end: Uint8Array): ReadableStream {
  const parts = [content.subarray(0, 50), content.subarray(50), end];
  const text = parts.map((part) =>
    `${
      JSON.stringify({ result: { blob: Buffer.from(part).toString("base64") } })
    }\n`
  ).join("");
  const pieces = text.match(/[^]{1,37}/g) ?? [];
  return ReadableStream.from(
    pieces.map((one) => new TextEncoder().encode(one)),
  );
}

fileTest("a snapshot has its name only if it is whole", async (root) => {
  const content = crypto.getRandomValues(new Uint8Array(1000));
  const hash = createHash("sha256").update(content).digest();
  const path = join(root, "s.db");
  await assert.rejects(
    saveSnapshot(streamOf(content, hash.subarray(0, 31)), path),
    /not whole/,
  );
  await assert.rejects(
    saveSnapshot(streamOf(content.subarray(1), hash), path),
    /not whole/,
  );
  assert.deepEqual([...Deno.readDirSync(root)], []);
  await saveSnapshot(streamOf(content, hash), path);
  assert.deepEqual(
    await Deno.readFile(path),
    new Uint8Array([...content, ...hash]),
  );
});

fileTest(
  "the newest snapshots are kept, and other files are nobody's business",
  async (root) => {
    const snapshots = new EtcdSnapshotsLocal({
      snapshotDir: root,
      snapshotsKept: 2,
    });
    assert.equal(await snapshots.ageMs(), null);
    const names = ["01", "02", "03"].map((day) =>
      `etcd-202601${day}T000000Z.db`
    );
    for (const name of [...names, "mine.db"]) {
      await Deno.writeTextFile(join(root, name), "");
    }
    assert.ok((await snapshots.ageMs() ?? 0) > 0);
    await snapshots.prune();
    const left = [...Deno.readDirSync(root)].map(({ name }) => name).toSorted();
    assert.deepEqual(left, [...names.slice(1), "mine.db"]);
    // One from the future says nothing of the age.
    await Deno.writeTextFile(join(root, "etcd-29990101T000000Z.db"), "");
    assert.equal(await snapshots.ageMs(), null);
  },
);

Deno.test("a member's words are compared with those of now, but for its first start", () => {
  const options: EtcdMemberSettings = {
    ...{ name: "a", dataDir: "/d", heartbeatMs: 100, electionMs: 500 },
    ...{ clientListenUrl: "http://h:1", clientUrl: "http://h:1" },
    ...{ peerListenUrl: "http://h:2", peerUrl: "http://h:2" },
    ...{ quotaBytes: 1, snapshotDir: "/s", snapshotsKept: 1 },
    ...{ serverTls: null, peerTls: null },
  };
  const members = [{ name: "b", peerUrl: "http://h:3" }];
  const tls = { cert: "/c", key: "/k", ca: "/a" };
  const running = etcdArguments(options, { kind: "join", members });
  assert.deepEqual(otherWords(running, options), []);
  assert.deepEqual(
    otherWords(running, { ...options, quotaBytes: 2, peerTls: tls }),
    [
      "quota-backend-bytes 1 instead of 2",
      "peer-cert-file not set instead of /c",
      "peer-key-file not set instead of /k",
      "peer-trusted-ca-file not set instead of /a",
      "peer-client-cert-auth not set instead of true",
    ],
  );
});
