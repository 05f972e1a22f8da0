/**
 * Three members with real PostgreSQL, each of which runs a member of its own
 * store: from nothing to whole, an agent that is killed, a host that is lost.
 */
import assert from "node:assert/strict";
import {
  foundEtcdCluster,
  joinEtcdCluster,
} from "../../lib/compose/etcd_orders.ts";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { etcdFolder, managedEtcdSkipReason } from "../helpers/etcd_members.ts";
import { freePorts } from "../helpers/free_ports.ts";
import { pidsWith } from "../helpers/own_processes.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const skipReason = managedEtcdSkipReason();

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "a scope on a store of its own" +
      (skipReason === null ? "" : ` (skipped: ${skipReason})`),
    ignore: skipReason !== null,
    fn: async (t) => {
      const ports = freePorts(6);
      const address = (name: string, further = 0): string => {
        const at = 2 * (Number(name.slice(1)) - 1) + further;
        return `127.0.0.1:${ports[at]}`;
      };
      const folder = etcdFolder();
      await using cluster = await AgentCluster.create({
        ...{ isQuick: true, hasProxies: true },
        store: {
          etcd3: { hosts: ["n1", "n2", "n3"].map((name) => address(name)) },
        },
        change: (config, { name, directory }) => ({
          ...config,
          etcd3: {
            ...{ managed: true, data_dir: `${directory}/etcd` },
            connect_address: address(name),
            peer_connect_address: address(name, 1),
            // Servers of many tests share the machine's processors and disk.
            ...{ heartbeat_interval: 200, election_timeout: 2_000 },
            ...(folder === null ? {} : { etcd_bin: folder }),
          },
        }),
      });
      await step(t, "three hosts become a cluster", async () => {
        const since = performance.now();
        for (const { name, place } of cluster.members) {
          const peerUrl = `http://${address(name, 1)}`;
          const clientUrl = `http://${address(name)}`;
          const dataDir = `${place.directory}/etcd`;
          const member = { dataDir, name, peerUrl, clientUrl };
          await (name === "n1"
            ? foundEtcdCluster(member)
            : joinEtcdCluster(member, [`http://${address("n1")}`]));
        }
        await cluster.startAll();
        const seconds = (performance.now() - since) / 1000;
        console.log(`whole after ${seconds.toFixed(1)} s`);
      });
      await step(
        t,
        "an agent that is killed finds its etcd again",
        async () => {
          const member = cluster.member("n3");
          const word = `--data-dir=${member.place.directory}/etcd/etcd`;
          const [pid, ...others] = pidsWith(word);
          assert.ok(pid !== undefined && others.length === 0);
          member.signal("SIGKILL");
          await member.ended();
          member.start();
          const told = `etcd runs on this host as process ${pid}`;
          await cluster.until(
            "it is adopted",
            () => Promise.resolve(member.log().includes(told)),
          );
          assert.deepEqual(pidsWith(word), [pid]);
          await cluster.untilWhole();
        },
      );
      await step(
        t,
        "the loss of a host costs a leader, not the store",
        async () => {
          const lost = cluster.member("n1");
          await lost.killAll();
          const leader = await cluster.untilLeader(["n2", "n3"]);
          lost.start();
          assert.equal((await cluster.untilWhole()).name, leader.name);
        },
      );
    },
  });
});
