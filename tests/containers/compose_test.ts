/**
 * `compose.yaml` by a real engine: three containers with empty volumes become one
 * cluster, and whatever happens to containers and volumes heals by itself. After
 * each step no acknowledged row is missing.
 */
import assert from "node:assert/strict";
import { step } from "../helpers/step.ts";
import { untilIt } from "../helpers/wait.ts";
import { ComposeCluster } from "./cluster.ts";
import { engineSkipReason } from "./engine.ts";

const REASON = engineSkipReason();
if (REASON !== null) console.log(`containers: not tried here, ${REASON}`);

const NAMES = ["db1", "db2", "db3"] as const;
const HEAL_MS = 180_000;

/** Another member, which can be asked. */
function beside(name: string): typeof NAMES[number] {
  return name === "db1" ? "db2" : "db1";
}

/** Where a member's container takes clients of the leader. */
function portOf(name: string): number {
  return 5000 + Number(name.slice(2));
}

Deno.test({
  name: "containers: compose.yaml makes a cluster that heals by itself",
  ignore: REASON !== null,
  fn: async (t) => {
    await using cluster = await ComposeCluster.ready();

    await everyday(t, cluster);
    await volumes(t, cluster);
  },
});

/** From nothing to a cluster that loses its leader. */
async function everyday(
  t: Deno.TestContext,
  cluster: ComposeCluster,
): Promise<void> {
  await step(t, "three containers found one cluster", async () => {
    const startedMs = performance.now();
    await cluster.compose("up", "-d", "--wait");
    const seconds = (performance.now() - startedMs) / 1000;
    await cluster.untilWhole("db1", 3);
    const all = (performance.now() - startedMs) / 1000;
    console.log(
      `compose up: clients are served after ${seconds.toFixed(1)} s, three ` +
        `members are whole after ${all.toFixed(1)} s`,
    );
    await cluster.sql(5001, "create table herd (id serial)");
  });

  await step(
    t,
    "each container leads to the leader and to replicas",
    async () => {
      const recovering = "select pg_is_in_recovery()";
      for (const name of NAMES) {
        const port = portOf(name);
        await cluster.write(port);
        const replica = await untilIt("a replica is led to", async () => {
          const { code, text } = await cluster.sql(port + 1000, recovering);
          return code === 0 ? text.trim() : null;
        }, { limitMs: 60_000 });
        assert.equal(replica, "t");
      }
    },
  );

  await step(
    t,
    "nothing in it is root's, and nothing is left unreaped",
    async () => {
      const { text } = await cluster.inside("db1", "id", "-un");
      assert.equal(text.trim(), "postgres");
      const first = await cluster.inside("db1", "cat", "/proc/1/comm");
      assert.equal(first.text.trim(), "tini");
      // An orphan that ends goes to the first process.
      await cluster.inside("db1", "sh", "-c", "(sleep 0.1 &) ; exit 0");
      await untilIt("no zombies", async () => {
        const states = await cluster.inside("db1", "sh", "-c", ZOMBIES);
        return states.text.trim() === "0";
      });
    },
  );

  await step(t, "the leader is killed", async () => {
    const leader = await cluster.leader("db1");
    const other = beside(leader);
    await cluster.docker(["kill"], leader);
    await cluster.write(portOf(other));
    assert.notEqual(await cluster.leader(other), leader);
    await cluster.docker(["start"], leader);
    await cluster.untilWhole(other, 3);
    await cluster.checkRows(portOf(leader));
  });

  await step(
    t,
    "the leader is stopped in order, within its limit",
    async () => {
      const leader = await cluster.leader("db1");
      await cluster.docker(["stop"], leader);
      const format = "{{.State.ExitCode}}";
      const code = await cluster.docker(["inspect", "-f", format], leader);
      assert.equal(code.trim(), "0", "137: it was killed");
      const log = await cluster.log(leader);
      assert.match(log, /database system is shut down\s/);
      await cluster.write(portOf(beside(leader)));
      await cluster.docker(["start"], leader);
      await cluster.untilWhole(leader, 3);
    },
  );
}

/** Containers and volumes that come and go. */
async function volumes(
  t: Deno.TestContext,
  cluster: ComposeCluster,
): Promise<void> {
  await step(
    t,
    "the leader is cut off and frozen while a client writes",
    async () => {
      for (const verb of ["cut", "freeze"]) {
        const leader = await cluster.leader("db1");
        const other = beside(leader);
        const said = await cluster.lab(verb, leader);
        console.log(said);
        assert.match(said, /, 0 of them lost/);
        assert.notEqual(await cluster.leader(other), leader);
        await cluster.lab("heal", leader);
        await cluster.untilWhole(leader, 3);
      }
      await cluster.checkRows(5001);
    },
  );

  await step(t, "a container is made anew with its volume", async () => {
    await cluster.docker(["rm", "-f"], "db3");
    await cluster.write(5001);
    await cluster.compose("up", "-d");
    await cluster.untilWhole("db3", 3);
    assert.doesNotMatch(await cluster.log("db3"), /volume was lost/);
    await cluster.checkRows(5003);
  });

  await step(t, "the leader is made anew without its volume", async () => {
    const identifier = "select system_identifier from pg_control_system()";
    const before = (await cluster.sql(5001, identifier)).text;
    const leader = await cluster.leader("db1");
    const other = beside(leader);
    await cluster.docker(["rm", "-f"], leader);
    await cluster.removeVolume(leader);
    await cluster.compose("up", "-d");
    await cluster.untilWhole(other, 3);
    assert.match(await cluster.log(leader), /volume was lost; taking/);
    await cluster.write(portOf(leader));
    await cluster.checkRows(portOf(other));
    assert.equal((await cluster.sql(5001, identifier)).text, before);
  });

  await step(t, "three become five and three again", async () => {
    await cluster.composeFive("up", "-d");
    await cluster.untilWhole("db5", 5);
    await cluster.write(5005);
    await cluster.compose("up", "-d", "--remove-orphans");
    await cluster.untilWhole("db1", 3);
    await cluster.checkRows(5001);
    // Their volumes are there still: they come in anew.
    await cluster.composeFive("up", "-d");
    await cluster.untilWhole("db4", 5);
    await cluster.compose("up", "-d", "--remove-orphans");
    await cluster.untilWhole("db1", 3);
  });

  await step(
    t,
    "all are stopped, all are started, with other addresses",
    async () => {
      await cluster.write(5001);
      await cluster.compose("down");
      await cluster.compose("create");
      await cluster.docker(["start"], "db3");
      await cluster.docker(["start"], "db2");
      await cluster.docker(["start"], "db1");
      await cluster.untilWhole("db1", 3);
      await cluster.checkRows(5002);
      await cluster.write(5002);
    },
  );

  await step(
    t,
    "two of three volumes are lost: no second cluster",
    async () => {
      await cluster.docker(["rm", "-f"], "db2", "db3");
      await cluster.removeVolume("db2");
      await cluster.removeVolume("db3");
      await cluster.docker(["kill"], "db1");
      await cluster.compose("up", "-d", "--no-recreate", "db2", "db3");
      await untilIt("they miss the third", async () => {
        const log = await cluster.log("db2");
        return /no answer yet from (?:db1|db1, db3|db3, db1)$/m.test(log);
      }, { limitMs: 60_000 });
      await cluster.docker(["start"], "db1");
      for (const name of ["db2", "db3"]) {
        await untilIt(
          `${name} hears of the cluster`,
          async () =>
            (await cluster.log(name)).includes(
              "the cluster has been founded",
            ),
          {
            limitMs: 60_000,
          },
        );
        const order = "/var/lib/matriarch/etcd/order.json";
        const { code } = await cluster.inside(name, "test", "-e", order);
        assert.equal(code, 1, `${name} has an order`);
      }
    },
  );

  await step(
    t,
    "what is left of it becomes whole again, by the chapter of containers.md",
    async () => {
      const matriarch = (...words: readonly string[]) =>
        cluster.inside("db1", "matriarch", ...words);
      const restore = ["etcd", "restore", "--force-new-cluster", "--force"];
      const { code, text } = await matriarch(...restore);
      assert.equal(code, 0, text);
      await untilIt("db1 leads", async () => {
        const list = await cluster.list("db1");
        if (
          list.some(({ name, role }) => name === "db1" && role === "Leader")
        ) {
          return true;
        }
        // It did not lead before: an operator says that what it has is enough.
        const log = await cluster.log("db1");
        if (log.includes("not enough quorum votes")) {
          await matriarch("failover", "--candidate", "db1", "--force");
        }
        return false;
      }, {
        limitMs: HEAL_MS,
        report: async () => (await matriarch("list")).text,
      });
      await cluster.untilWhole("db1", 3);
      await cluster.checkRows(5001);
      await cluster.write(5002);
    },
  );
}

const ZOMBIES =
  `cat /proc/[0-9]*/stat 2>/dev/null | grep -c '^[0-9]* ([^)]*) Z' || true`;

Deno.test("containers: the compose file is small, and names three members of one image", async () => {
  const file = new URL("../../compose.yaml", import.meta.url);
  const lines = (await Deno.readTextFile(file)).trimEnd().split("\n");
  assert.ok(lines.length <= 40, `${lines.length} lines`);
});
