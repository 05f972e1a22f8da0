/**
 * From three hosts with PostgreSQL to a cluster, by `init` and two `join`s, on
 * real servers; and what wrong tokens, taken ports and a stranger's address get.
 */
import assert from "node:assert/strict";
import { faultSkipReason, faultTest } from "../fault/bench/bench.ts";
import { untilIt } from "../helpers/wait.ts";
import { step } from "../helpers/step.ts";
import { ThreeHosts } from "./three_hosts.ts";

const REASON = faultSkipReason(["ip", "nft", "setpriv", "etcd"]);

faultTest("init and two joins make a cluster of three hosts", async (t) => {
  await using three = await ThreeHosts.ready();
  const [db1, db2, db3] = three.hosts;
  const store = ["--etcd-hosts", `${three.store.address}:2379`];
  let tokens: readonly string[] = [];
  const startedMs = performance.now();

  await step(t, "init makes the first member", async () => {
    const output = await three.done(
      db1,
      "init",
      ...store,
      ...three.places(db1),
    );
    tokens = output.match(/mj1\.\S+/g) ?? [];
    assert.equal(tokens.length, 2);
    three.start(db1);
  });
  await step(t, "two hosts join, each with its token", async () => {
    const [second = "", third = ""] = tokens;
    await three.done(db2, "join", db1.address, second, ...three.places(db2));
    three.start(db2);
    await three.done(db3, "join", db1.address, third, ...three.places(db3));
    three.start(db3);
    await three.untilStreaming(db3, 2);
    const seconds = (performance.now() - startedMs) / 1000;
    console.log(`from init to three members: ${seconds.toFixed(1)} s`);
  });
  await step(
    t,
    "a token that was used, or changed, lets nobody in",
    async () => {
      const [second = ""] = tokens;
      const elsewhere = [
        ...["--address", db3.address, "--name", "db4", "--no-start"],
        ...["--config-dir", `${three.directory}/db4`, "--user", "postgres"],
        ...["--data-dir", `${three.directory}/db4/data`],
      ];
      // The ports of db3 are taken, and by whom is told.
      const taken = await three.run(
        db3,
        "join",
        db1.address,
        second,
        ...elsewhere,
      );
      assert.match(taken.error, /5 things are in the way/);
      assert.match(
        taken.error,
        /Port 5432 is taken by postgres \(process \d+\)/,
      );
      const stranger = await three.run(
        ...[db3, "join", db2.address, second, ...elsewhere] as const,
      );
      assert.match(stranger.error, /Port 8008 is taken by/);
      const shown = (id: string, secret: string) => ({
        token: { id, secret },
        ...{ use: "join", name: "db4", hosts: [], request: "x" },
        ...{ now: Date.now(), postgres_majors: [] },
      });
      const [, id = "", secret = ""] = second.split(".");
      const answers = await Promise.all([
        three.answer(db1, "/join", shown(id, secret)),
        three.answer(db2, "/join", shown(id, secret)),
        three.answer(db1, "/restart", {}),
      ]);
      assert.deepEqual(answers, [
        { status: 409, text: "the signing request cannot be read" },
        {
          status: 421,
          text: "the authority's key is on db1: ask that member",
        },
        { status: 403, text: "client certificate required" },
      ]);
    },
  );
  await step(t, "a command on any host changes the cluster", async () => {
    const end = await three.ask(
      ...[db3, "switchover", "main", "--candidate", "db2", "--force"] as const,
    );
    assert.equal(end.code, 0, end.error);
    await three.untilStreaming(db1, 2);
    const tokensText = await three.ask(db2, "token", "list", "-f", "json");
    const states = JSON.parse(tokensText.output).map((
      row: Record<string, string>,
    ) => [row["State"], row["Host"]]);
    assert.deepEqual(states, [["used", "db2"], ["used", "db3"]]);
  });
  await step(
    t,
    "certificates are renewed, and their authority replaced",
    () => certificates(three),
  );
  await step(
    t,
    "a host that is gone is taken out, one that leaves goes in order",
    () => departures(three),
  );
}, REASON);

async function certificates(three: ThreeHosts): Promise<void> {
  const [db1, db2, db3] = three.hosts;
  const renewed = await three.ask(db3, "certs", "renew");
  assert.equal(renewed.code, 0, renewed.error);
  assert.match(renewed.output, /db3 has a certificate until/);
  const begun = await three.ask(db2, "certs", "rotate");
  assert.equal(begun.code, 0, begun.error);
  await untilIt("all trust the next authority", async () => {
    const end = await three.ask(db2, "certs", "rotate", "--finish");
    return end.code === 0;
  }, { limitMs: 90_000 });
  await untilIt("all have certificates of the new one", async () => {
    const status = await three.ask(db1, "certs", "status", "-f", "json");
    const rows: readonly Record<string, string>[] = JSON.parse(status.output);
    const isRenewed = (row: Record<string, string>): boolean =>
      row["Authority"] === "the one that signs" && row["Trusts all"] === "yes";
    return rows.length === 3 && rows.every(isRenewed);
  }, { limitMs: 120_000 });
  await three.untilStreaming(db1, 2);
  const { output } = await three.ask(db1, "token", "create");
  assert.ok(output.startsWith(`matriarch join ${db2.address} mj1.`), output);
}

async function departures(three: ThreeHosts): Promise<void> {
  const [db1, db2, db3] = three.hosts;
  const sick = await three.ask(db1, "doctor");
  assert.doesNotMatch(sick.output, /CRITICAL/);
  const early = await three.ask(db1, "remove-host", "db3");
  assert.match(early.error, /db3 is alive: call matriarch leave/);
  await three.stop(db3);
  const left = await three.agreed(db3, "leave", "--no-stop");
  assert.equal(left.code, 0, left.error);
  assert.match(left.output, /db3 has left. Its data are still in/);
  await three.stop(db1);
  const gone = await three.agreed(db2, "remove-host", "db1");
  assert.equal(gone.code, 0, gone.error);
  const alone = await three.ask(db2, "doctor");
  assert.equal(alone.code, 2);
  assert.match(alone.output, /CRITICAL: There is no replica/);
  const last = await three.ask(db2, "leave", "--no-stop");
  assert.match(last.error, /db2 is the last member/);
}
