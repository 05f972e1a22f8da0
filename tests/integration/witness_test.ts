/**
 * Two hosts with PostgreSQL and a witness, by `init`, `join` and `join --witness`:
 * what is lost when each of them is lost, how certificates are replaced on all
 * three, and how the witness goes. A client writes through the witness's proxy.
 */
import assert from "node:assert/strict";
import { faultSkipReason, faultTest } from "../fault/bench/bench.ts";
import type { Host } from "../fault/bench/network.ts";
import { step } from "../helpers/step.ts";
import { untilIt } from "../helpers/wait.ts";
import { ThreeHosts } from "./three_hosts.ts";
import { WitnessClient } from "./witness_client.ts";

const REASON = faultSkipReason(["ip", "nft", "setpriv", "etcd"]);

faultTest(
  "two data hosts and a witness bear the loss of any of them",
  async (t) => {
    await using three = await ThreeHosts.ready({ hasStore: false });
    const [db1, db2, witness] = three.hosts;

    await step(
      t,
      "init, a join and a join --witness make the layout",
      async () => {
        await three.run(db1, "init", ...three.places(db1));
        await three.slowDown(db1);
        three.start(db1);
        const [second, third] = await untilIt("init gives tokens", async () => {
          const again = await three.done(db1, "init", ...three.places(db1));
          const [one, other] = again.match(/mj1\.\S+/g) ?? [];
          return one !== undefined && other !== undefined ? [one, other] : null;
        }, { limitMs: 60_000 });
        await three.done(db2, "join", second, ...three.places(db2));
        three.start(db2);
        const said = await three.done(
          ...[witness, "join", third, "--witness"] as const,
          ...three.witnessPlaces(witness),
        );
        assert.match(said, /db3, a witness of the cluster main/);
        assert.match(said, /Start it by: matriarch proxy /);
        await noPostgres(three, witness);
        three.startWitness(witness);
        await three.untilStreaming(db2, 1);
        await three.untilVoters(witness, 3);
        await untilIt("the replica is a voter", async () => {
          const members = await three.list(witness);
          return members.some(({ role }) => role === "Quorum Standby");
        }, { limitMs: 60_000 });
        const { output } = await three.ask(db1, "list");
        assert.match(output, /^ Witness: db3$/m);
        for (const host of three.hosts) await noneCritical(three, host);
      },
    );

    await using client = await WitnessClient.start(three, witness);
    await step(
      t,
      "the leader's host is lost, and the other one leads",
      async () => {
        await client.untilMore(5);
        client.takeGapMs();
        await three.cutPower(db1);
        const lost = client.acknowledged;
        await untilIt("db2 leads", async () => {
          const members = await three.list(witness);
          return members.some(({ name, role }) =>
            name === "db2" && role === "Leader"
          );
        }, { limitMs: 60_000 });
        await client.untilMore(5);
        const seconds = (client.takeGapMs() / 1000).toFixed(1);
        console.log(`longest time without an acknowledged row: ${seconds} s`);
        assert.deepEqual(await client.missing(), [], `${lost} before the loss`);
        three.start(db1);
        await three.untilStreaming(db1, 1);
        await three.untilVoters(db1, 3);
      },
    );
    await step(
      t,
      "the witness is lost, and nobody else's client notices",
      async () => {
        await three.cutPower(witness);
        await client.moveTo(db1);
        await client.untilMore(5);
        const sick = await three.ask(db1, "doctor");
        assert.match(
          sick.output,
          /WARNING: The member of etcd on db3, a witness, does not answer/,
        );
        const gone = await three.ask(db1, "remove-host", "db2", "--force");
        assert.notEqual(gone.code, 0);
        assert.match(gone.error, /Without db2 too few members of etcd run/);
        three.startWitness(witness);
        await three.untilVoters(db1, 3);
        await client.moveTo(witness);
        await client.untilMore(5);
      },
    );
    await step(t, "the replica's host is lost, and writes go on", async () => {
      await three.cutPower(db1);
      await client.untilMore(5);
      three.start(db1);
      await three.untilStreaming(db2, 1);
    });
    await step(
      t,
      "a proxy that ends is told by doctor, and etcd goes on",
      async () => {
        await three.stop(witness);
        const { output, code } = await three.ask(witness, "doctor");
        assert.match(
          output,
          /CRITICAL: Matriarch does not run on this witness/,
        );
        assert.equal(code, 2);
        await three.untilVoters(db1, 3);
        three.startWitness(witness);
      },
    );
    await step(
      t,
      "another authority is waited for until the witness has it",
      () => rotation(three),
    );
    await step(
      t,
      "the witness leaves in order, and comes back by a new token",
      () => departure(three),
    );
  },
  REASON,
);

async function noPostgres(three: ThreeHosts, host: Host): Promise<void> {
  const text = await Deno.readTextFile(three.configPath(host));
  assert.doesNotMatch(text, /postgresql|replicator|superuser/);
}

async function noneCritical(three: ThreeHosts, host: Host): Promise<void> {
  const { output } = await three.ask(host, "doctor");
  assert.doesNotMatch(output, /CRITICAL/, host.name);
  assert.doesNotMatch(output, /etcd/, host.name);
}

async function rotation(three: ThreeHosts): Promise<void> {
  const [db1, db2, witness] = three.hosts;
  const renewed = await three.ask(witness, "certs", "renew");
  assert.match(renewed.output, /db3 has a certificate until/, renewed.error);
  const refused = await three.ask(witness, "certs", "rotate");
  assert.match(refused.error, /db3 is a witness and cannot sign/);
  // While it is down it cannot learn of the next one.
  await three.stop(witness);
  const begun = await three.ask(db1, "certs", "rotate");
  assert.equal(begun.code, 0, begun.error);
  const finish = () =>
    three.ask(db1, "certs", "rotate", "--finish", "--etcd-restarted");
  await untilIt("only the witness does not trust it yet", async () => {
    const { code, error } = await finish();
    assert.notEqual(code, 0);
    return /^Error: db3 cannot be seen to trust/m.test(error);
  }, { limitMs: 90_000 });
  three.startWitness(witness);
  await untilIt("all trust it", async () => {
    const { output } = await three.ask(db1, "certs", "status", "-f", "json");
    const rows: readonly Record<string, string>[] = JSON.parse(output);
    return rows.length === 3 &&
      rows.every((row) => row["Trusts all"] === "yes");
  }, { limitMs: 90_000 });
  for (const host of [db1, db2, witness]) {
    await three.endEtcd(host);
    await three.untilVoters(db1, 3);
  }
  const finished = await finish();
  assert.equal(finished.code, 0, finished.error);
  await untilIt("all have certificates of the new one", async () => {
    const { output } = await three.ask(db1, "certs", "status", "-f", "json");
    const rows: readonly Record<string, string>[] = JSON.parse(output);
    return rows.length === 3 &&
      rows.every((row) =>
        row["Authority"] === "the one that signs" && row["Trusts all"] === "yes"
      );
  }, { limitMs: 120_000 });
  const status = await three.ask(db1, "certs", "status");
  assert.match(status.output, /^Witness: db3$/m);
}

async function departure(three: ThreeHosts): Promise<void> {
  const [db1, , witness] = three.hosts;
  const alive = await three.ask(db1, "remove-host", "db3");
  assert.match(alive.error, /db3 is alive: call matriarch leave on its host/);
  const running = await three.ask(witness, "leave", "--no-stop", "--force");
  assert.match(running.error, /The proxy of db3 still runs: stop it first/);
  await three.stop(witness);
  await untilIt("it may leave", async () => {
    const left = await three.ask(witness, "leave", "--no-stop", "--force");
    if (left.code !== 0) throw new Error(left.error);
    assert.match(left.output, /db3 has left. It is a witness no more/);
    return true;
  }, { limitMs: 30_000 });
  await three.untilVoters(db1, 2);
  const { output: list } = await three.ask(db1, "list");
  assert.doesNotMatch(list, /Witness/);
  const { output } = await three.ask(db1, "token", "create");
  const [token = ""] = output.match(/mj1\.\S+/) ?? [];
  const again = ["join", token, "--witness"] as const;
  const early = await three.run(
    ...[witness, ...again] as const,
    ...three.witnessPlaces(witness),
  );
  assert.match(early.error, /etcd is to keep its data, is not empty/);
  await three.emptyEtcd(witness);
  await three.done(
    ...[witness, ...again] as const,
    ...three.witnessPlaces(witness),
  );
  three.startWitness(witness);
  await three.untilVoters(db1, 3);
  // Its host is gone for good.
  await three.cutPower(witness);
  await untilIt("it may be taken out", async () => {
    const gone = await three.ask(db1, "remove-host", "db3", "--force");
    if (gone.code !== 0) throw new Error(gone.error);
    return true;
  }, { limitMs: 30_000 });
  await three.untilVoters(db1, 2);
}
