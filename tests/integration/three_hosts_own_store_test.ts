/**
 * From three hosts with PostgreSQL and no store to a cluster, by `init` and two
 * `join`s: each host runs a member of etcd, with the cluster's own certificates.
 * Then a host loses its power, comes back, and another one leaves.
 */
import assert from "node:assert/strict";
import { faultSkipReason, faultTest } from "../fault/bench/bench.ts";
import { step } from "../helpers/step.ts";
import { untilIt } from "../helpers/wait.ts";
import { ThreeHosts } from "./three_hosts.ts";

const REASON = faultSkipReason(["ip", "nft", "setpriv", "etcd"]);

faultTest(
  "init and two joins make a cluster with a store of its own",
  async (t) => {
    await using three = await ThreeHosts.ready({ hasStore: false });
    const [db1, db2, db3] = three.hosts;
    const startedMs = performance.now();

    await step(t, "init founds the store with the cluster", async () => {
      const init = ["init", ...three.places(db1)] as const;
      const { code, error } = await three.run(db1, ...init);
      assert.equal(code, 0, error);
      assert.match(error, /The store runs when the agent does/);
      await three.slowDown(db1);
      three.start(db1);
    });
    await step(t, "two hosts join it at the same moment", async () => {
      const [second, third] = await untilIt("init gives tokens", async () => {
        const again = await three.done(db1, "init", ...three.places(db1));
        const [one, other] = again.match(/mj1\.\S+/g) ?? [];
        return one !== undefined && other !== undefined ? [one, other] : null;
      }, { limitMs: 60_000 });
      await Promise.all(
        ([[db2, second], [db3, third]] as const).map(async ([host, token]) => {
          await three.done(host, "join", token, ...three.places(host));
          three.start(host);
        }),
      );
      await three.untilStreaming(db3, 2);
      await three.untilVoters(db3, 3);
      const seconds = (performance.now() - startedMs) / 1000;
      console.log(`from init to three members: ${seconds.toFixed(1)} s`);
    });
    await step(t, "the loss of a host ends neither of them", async () => {
      // Only voters may take over at once; else the lease's 30 s must pass.
      await untilIt("both replicas are voters", async () => {
        const members = await three.list(db2);
        const voters = members.filter(({ role }) => role === "Quorum Standby");
        return voters.length === 2;
      }, { limitMs: 60_000 });
      await three.cutPower(db1);
      await untilIt("another one leads", async () => {
        const members = await three.list(db2);
        return members.some(({ name, role }) =>
          role === "Leader" && name !== "db1"
        );
      }, { limitMs: 60_000 });
      await three.untilStreaming(db2, 1);
      three.start(db1);
      await three.untilStreaming(db1, 2);
      await three.untilVoters(db1, 3);
    });
    await step(t, "a host that leaves takes its vote with it", async () => {
      const leader = (await three.list(db2)).find(({ role }) =>
        role === "Leader"
      );
      const goes = leader?.name === "db3" ? db2 : db3;
      await three.stop(goes);
      const left = await three.agreed(goes, "leave", "--no-stop");
      assert.equal(left.code, 0, left.error);
      await three.untilVoters(db1, 2);
      assert.doesNotMatch(
        (await three.ask(db1, "etcd", "status")).output,
        new RegExp(`${goes.name} `),
      );
    });
  },
  REASON,
);
