/**
 * Messages to receivers that are well, slow, away, or answer rubbish. The clock
 * is the test's own, the network is real.
 */
import assert from "node:assert/strict";
import { selfSigned } from "../../../tests/helpers/certificates.ts";
import { ManualClock } from "../../../tests/helpers/manual_clock.ts";
import { assertSigned, Receiver } from "../../../tests/helpers/receiver.ts";
import { KeptLog, TestBackend, until } from "../../../tests/helpers/tcp.ts";
import type { Notice, NotifyTarget } from "../../core/model/notice.ts";
import { NotifierHttp } from "./notifier_http.ts";
import { WAITING_MAX } from "./notify_lane.ts";

const SECRET = "a secret of some length";

function notice(key: string, changes: Partial<Notice> = {}): Notice {
  return {
    ...{ event: "leader_changed", key, atMs: 0, text: `${key} leads` },
    data: { leader: key },
    ...changes,
  };
}

function target(
  url: string,
  changes: Partial<NotifyTarget> = {},
): NotifyTarget {
  return {
    ...{ url, events: null, secret: SECRET, cafile: null, timeoutMs: 5_000 },
    ...changes,
  };
}

function scene(...targets: readonly NotifyTarget[]) {
  const clock = new ManualClock();
  const log = new KeptLog();
  const world = { targets };
  const notifier = new NotifierHttp({
    ...{ clock, log, scope: "main", member: "n1" },
    targets: () => world.targets,
  });
  const paused = () =>
    until("waits for another attempt", () => clock.sleepers > 0);
  return { clock, log, world, notifier, paused };
}

/** A port at which nobody listens now. */
async function freePort(): Promise<number> {
  await using receiver = new Receiver();
  return receiver.port;
}

Deno.test("NotifierHttp sends what happened, signed, in order, to who wants it", async () => {
  await using all = new Receiver();
  await using some = new Receiver();
  const { notifier } = scene(
    target(all.url),
    target(some.url, { events: ["paused"], secret: null }),
  );
  notifier.tell(notice("n2", { data: { lostBytes: 2n ** 60n } }));
  notifier.tell(notice("7", { event: "paused" }));
  await until("all came", () => all.got.length + some.got.length === 3);
  assert.deepEqual(all.types, ["leader_changed", "paused"]);
  assert.deepEqual(some.types, ["paused"]);
  const [first] = all.got;
  assert.ok(first !== undefined);
  assertSigned(first, SECRET);
  const { id, ...rest } = first.document;
  assert.equal(id, first.headers.get("webhook-id"));
  assert.equal(first.headers.get("content-type"), "application/json");
  assert.deepEqual(rest, {
    ...{ type: "leader_changed", timestamp: "1970-01-01T00:00:00.000Z" },
    ...{ scope: "main", member: "n1", text: "n2 leads" },
    data: { lostBytes: 2 ** 60 },
  });
  const unsigned = some.got[0]?.headers;
  assert.equal(unsigned?.get("webhook-signature"), null);
  // Whoever tells the same, however often: the receiver sees that.
  notifier.tell(notice("n2"));
  await until("the repeat came", () => all.got.length === 3);
  assert.equal(all.got[2]?.document["id"], id);
  await notifier.close();
});

Deno.test("NotifierHttp tries again, later and later, and says so once", async () => {
  await using receiver = new Receiver((count) =>
    new Response(null, { status: [503, 429, 302, 200][count] ?? 200 })
  );
  const { clock, log, notifier, paused } = scene(target(receiver.url));
  notifier.tell(notice("n2"));
  for (const ms of [1_000, 2_000, 4_000]) {
    await paused();
    const before = receiver.got.length;
    await clock.advance(ms - 1);
    assert.equal(clock.sleepers, 1);
    assert.equal(receiver.got.length, before);
    await clock.advance(1);
  }
  await until(
    "it was taken",
    () => log.lines.some((line) => /again/.test(line)),
  );
  assert.deepEqual(
    new Set(receiver.got.map(({ body }) => body)).size,
    1,
    "one message, one id",
  );
  for (const got of receiver.got) assertSigned(got, SECRET);
  assert.equal(receiver.got.length, 4);
  assert.doesNotMatch(log.lines.join("\n"), /s3cr3t|secret of/);
  const place = `The receiver at http://127.0.0.1:${receiver.port}`;
  assert.deepEqual(log.lines, [
    ...["503", "429", "302"].map((status) =>
      `WARNING ${place} was not notified: it answered ${status}`
    ),
    `INFO ${place} takes messages again`,
  ]);
  await notifier.close();
});

Deno.test("NotifierHttp gives up what is refused for good, and goes on with the next", async () => {
  await using receiver = new Receiver((count) =>
    new Response(null, { status: count === 0 ? 410 : 200 })
  );
  const { notifier, log } = scene(target(receiver.url));
  notifier.tell(notice("n2"));
  notifier.tell(notice("n3"));
  await until("both came", () => receiver.got.length === 2);
  assert.match(log.lines.join(), /answered 410, the message is given up/);
  await notifier.close();
});

Deno.test("NotifierHttp follows no redirect", async () => {
  await using elsewhere = new Receiver();
  await using receiver = new Receiver(() =>
    new Response(null, { status: 307, headers: { location: elsewhere.url } })
  );
  const { notifier, paused } = scene(target(receiver.url));
  notifier.tell(notice("n2"));
  await paused();
  assert.equal(receiver.got.length, 1);
  assert.equal(elsewhere.got.length, 0);
  await notifier.close();
});

Deno.test("NotifierHttp: who hangs or answers rubbish holds up nobody else", async () => {
  await using silent = new TestBackend(async (connection) => {
    await connection.read(new Uint8Array(1));
    await new Promise((resolve) =>
      connection.readable.pipeTo(new WritableStream()).then(resolve, resolve)
    );
  });
  await using rubbish = new TestBackend(async (connection) => {
    await connection.read(new Uint8Array(1));
    await connection.write(new TextEncoder().encode("x".repeat(100_000)));
  });
  await using well = new Receiver();
  const at = (port: number) => `http://127.0.0.1:${port}/`;
  const { notifier, clock, log } = scene(
    target(at(silent.port), { timeoutMs: 100 }),
    target(at(rubbish.port)),
    target(well.url),
  );
  notifier.tell(notice("n2"));
  await until("it came", () => well.got.length === 1);
  await until("two wait", () => clock.sleepers === 2, () => log.lines);
  assert.match(log.lines.join("\n"), /no answer within 100 ms/);
  assert.equal(log.lines.length, 2);
  await notifier.close();
});

Deno.test("NotifierHttp reads nothing of an answer that never ends", async () => {
  let pulled = 0;
  const block = new Uint8Array(65_536);
  await using receiver = new Receiver(() =>
    new Response(
      new ReadableStream({
        pull: (controller) => {
          pulled += 1;
          if (pulled > 1_000) controller.close();
          else controller.enqueue(block);
        },
      }),
    )
  );
  const { notifier } = scene(target(receiver.url, { timeoutMs: 2_000 }));
  notifier.tell(notice("n2"));
  notifier.tell(notice("n3"));
  await until("both came", () => receiver.got.length === 2);
  assert.ok(pulled < 1_000, `${pulled} blocks were taken`);
  await notifier.close();
});

Deno.test("NotifierHttp keeps the newest of too many, and nothing for longer than an hour", async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const { notifier, clock, log, paused } = scene(target(url));
  notifier.tell(notice("old"));
  await paused();
  for (let count = 0; count < WAITING_MAX + 20; count++) {
    notifier.tell(notice(`n${count}`));
  }
  await using receiver = new Receiver(undefined, { port });
  await clock.advance(1_000);
  await until("they came", () => receiver.got.length === WAITING_MAX);
  assert.deepEqual(receiver.got[0]?.document["data"], { leader: "n20" });
  assert.match(log.lines.join(), /more than 100 messages wait/);
  await notifier.close();

  const late = scene(target(`http://127.0.0.1:${await freePort()}/`));
  late.notifier.tell(notice("n2"));
  await late.paused();
  await late.clock.advance(3_600_000);
  await until(
    "it is given up",
    () => late.log.lines.some((line) => /for an hour/.test(line)),
  );
  assert.equal(late.clock.sleepers, 0);
  await late.notifier.close();
});

Deno.test("NotifierHttp goes by what a reload brought", async () => {
  const port = await freePort();
  await using other = new Receiver();
  const first = target(`http://127.0.0.1:${port}/`);
  const { notifier, clock, world, paused } = scene(first);
  notifier.tell(notice("n2"));
  await paused();
  world.targets = [
    target(other.url, { secret: "another secret, long enough" }),
  ];
  notifier.tell(notice("n3"));
  await until("it came", () => other.got.length === 1);
  const [got] = other.got;
  assert.ok(got !== undefined);
  assertSigned(got, "another secret, long enough");
  await using receiver = new Receiver(undefined, { port });
  await clock.advance(1_000);
  assert.equal(clock.sleepers, 0, "nobody is left to be told");
  assert.equal(receiver.got.length, 0);
  await notifier.close();
});

Deno.test("NotifierHttp gives what waits a last chance at its end, and no more", async () => {
  await using receiver = new Receiver((count) =>
    new Response(null, { status: count === 0 ? 503 : 200 })
  );
  const { notifier, log, paused } = scene(
    target(receiver.url),
    target(`http://127.0.0.1:${await freePort()}/`),
  );
  notifier.tell(notice("n2"));
  await paused();
  await notifier.close();
  assert.equal(receiver.got.length, 2);
  assert.match(log.lines.join(), /1 messages were not delivered/);
  notifier.tell(notice("n3"));
  assert.equal(receiver.got.length, 2);
});

Deno.test("NotifierHttp believes the authority of cafile, and nobody else's", async () => {
  const folder = await Deno.makeTempDir({ prefix: "matriarch_notify_" });
  try {
    const one = await selfSigned("receiver");
    const cafile = `${folder}/ca.pem`;
    await Deno.writeTextFile(cafile, one.cert);
    await using receiver = new Receiver(undefined, one);
    const { notifier, paused, world } = scene(target(receiver.url));
    notifier.tell(notice("n2"));
    await paused();
    assert.equal(receiver.got.length, 0);
    world.targets = [target(receiver.url, { cafile })];
    await notifier.close();
    assert.equal(receiver.got.length, 1);
    const missing = scene(target(receiver.url, { cafile: `${folder}/none` }));
    missing.notifier.tell(notice("n2"));
    await missing.paused();
    assert.match(missing.log.lines.join(), /cannot read .*none/);
    await missing.notifier.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("NotifierHttp cuts what is too long", async () => {
  await using receiver = new Receiver();
  const { notifier } = scene(target(receiver.url));
  notifier.tell(notice("n2", {
    text: "x".repeat(5_000),
    data: { facts: "y".repeat(100_000) },
  }));
  await until("it came", () => receiver.got.length === 1);
  assert.equal(receiver.got[0]?.document["data"], null);
  assert.ok((receiver.got[0]?.body.length ?? 0) < 2_000);
  await notifier.close();
});
