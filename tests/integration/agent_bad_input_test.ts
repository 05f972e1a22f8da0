/**
 * What an agent says, how it ends and what it leaves when it is started with
 * something that cannot work: one clear sentence, nothing touched that is not
 * its own, nothing half-made.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import type { Section } from "../helpers/agent_member.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import { pidsWith } from "../helpers/own_processes.ts";
import { linkToStore } from "../helpers/link_to_store.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

/** One start that has to fail. */
interface Refusal {
  readonly what: string;
  readonly change: (config: Section, takenPort: number) => Section;
  readonly says: readonly RegExp[];
  /** Entries of the member's directory that may be there afterwards. */
  readonly leaves?: readonly string[];
}

const REFUSALS: readonly Refusal[] = [
  {
    what: "a configuration with several errors tells all of them",
    change: ({ name: _, ...config }) => ({
      ...postgresql(config, { listen: "a:b:c", parameters: { x: [1] } }),
      proxy: 7,
    }),
    says: [
      /^The configuration has 4 problems:$/m,
      /^ {2}name is missing, wanted a text that is not empty$/m,
      /^ {2}postgresql\.listen: got "a:b:c", wanted ADDRESS/m,
      /^ {2}proxy: got 7, wanted a map$/m,
      /^ {2}postgresql\.parameters\.x: got \[1\], wanted /m,
    ],
  },
  {
    what: "names that PostgreSQL or the store would change are refused",
    change: (config) => ({ ...config, name: "n".repeat(64), scope: "a/b" }),
    says: [
      /^ {2}scope: got "a\/b", wanted a name without \/, /m,
      /^ {2}name: got "n+", wanted a name of at most 63 bytes: PostgreSQL /m,
    ],
  },
  {
    what: "a bin_dir without programs is named",
    change: (config) => postgresql(config, { bin_dir: "/nowhere/bin" }),
    says: [
      / CRITICAL: Cannot run \/nowhere\/bin\/postgres: postgresql\.bin_dir has to/m,
    ],
  },
  {
    what: "a REST port in use is named",
    change: (config, port) => ({
      ...config,
      restapi: {
        listen: `127.0.0.1:${port}`,
        connect_address: `127.0.0.1:${port}`,
      },
    }),
    says: [
      / CRITICAL: Cannot listen on 127\.0\.0\.1:\d+ for the REST API: the port is in/m,
    ],
  },
  {
    what: "a PostgreSQL port in use is named",
    change: (config, port) =>
      postgresql(config, {
        listen: `127.0.0.1:${port}`,
        connect_address: `127.0.0.1:${port}`,
      }),
    says: [
      /CRITICAL: Failed to bootstrap cluster: .*the port 127\.0\.0\.1:\d+ is in use/,
    ],
    leaves: ["data.failed"],
  },
  {
    what: "an option that initdb refuses is told in its words",
    change: (config) => ({
      ...config,
      bootstrap: {
        ...sectionOf(config, "bootstrap"),
        initdb: [{ encoding: "NOPE" }],
      },
    }),
    says: [/CRITICAL: Failed to bootstrap cluster: .*"NOPE" is not a valid/],
  },
  {
    what: "a data_dir that cannot be made is named",
    change: (config) => postgresql(config, { data_dir: "/nowhere/data" }),
    says: [/CRITICAL: Failed to bootstrap cluster: .*"\/nowhere"/],
  },
];

unprivileged(import.meta.url, () => {
  for (const { what, change, says, leaves = [] } of REFUSALS) {
    Deno.test(`bad input: ${what}`, async () => {
      using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      await using cluster = await AgentCluster.create({ members: 1 });
      const member = cluster.member("n1");
      member.config = change(member.config, taken.addr.port);
      member.start();
      assert.deepEqual(await member.ended(), { code: 1, signal: null });
      for (const sentence of says) assert.match(member.log(), sentence);
      assert.doesNotMatch(member.log(), /^\s+at /m);
      assert.deepEqual(member.otherFiles(), [...leaves]);
      const keys = await cluster.keys();
      assert.deepEqual(
        Object.keys(keys).filter((key) => key !== "members/n1"),
        [],
      );
      assert.deepEqual(pidsWith(cluster.directory), []);
    });
  }

  Deno.test("bad input: a refusal stands in the configured log, too", async () => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const address = `127.0.0.1:${taken.addr.port}`;
    const cases: readonly (readonly [Section, string])[] = [
      [{ name: "a/b" }, 'name: got "a/b", wanted a name without /, which '],
      [
        { restapi: { listen: address, connect_address: address } },
        `Cannot listen on ${address} for the REST API: the port is in use`,
      ],
    ];
    await using cluster = await AgentCluster.create({ members: 1 });
    const member = cluster.member("n1");
    const { config } = member;
    for (const [change, sentence] of cases) {
      const dir = Deno.makeTempDirSync({ dir: cluster.directory });
      member.config = { ...config, ...change, log: { dir } };
      member.start();
      assert.deepEqual(await member.ended(), { code: 1, signal: null });
      const lines = Deno.readTextFileSync(`${dir}/patroni.log`).split("\n");
      assert.ok(
        lines.some((line) => line.includes(` CRITICAL: ${sentence}`)),
        lines.join("\n"),
      );
      assert.ok(member.log().includes(sentence), "stderr has it as well");
    }
  });

  Deno.test("bad input: somebody else's files stay", async () => {
    await using cluster = await AgentCluster.create({ members: 1 });
    const member = cluster.member("n1");
    const path = `${member.dataDir}/thesis.txt`;
    Deno.mkdirSync(member.dataDir, { recursive: true });
    Deno.writeTextFileSync(path, "ten years of work");
    member.start();
    await cluster.until("it says what it found", () =>
      Promise.resolve(
        /data dir for the cluster is not empty, but system ID is invalid/
          .test(member.log()),
      ));
    assert.equal((await member.end()).code, 0, member.logEnd());
    assert.equal(Deno.readTextFileSync(path), "ten years of work");
    assert.deepEqual(
      [...Deno.readDirSync(member.dataDir)].map(({ name }) => name),
      ["thesis.txt"],
    );
    assert.equal((await cluster.keys())["initialize"], undefined);
  });

  Deno.test("bad input: data of another scope stays as it is", async () => {
    await using cluster = await AgentCluster.create({ members: 1 });
    const member = cluster.member("n1");
    member.start();
    await cluster.untilLeader();
    await member.sql("CREATE TABLE t AS SELECT 1 AS id");
    assert.equal((await member.end()).code, 0);
    await cluster.put("initialize", "7000000000000000001");
    const control = Deno.readFileSync(`${member.dataDir}/global/pg_control`);
    member.start();
    assert.deepEqual(await member.ended(), { code: 1, signal: null });
    assert.match(
      member.logEnd(3),
      /CRITICAL: system ID mismatch, node n1 belongs to a different cluster: 7000000000000000001 != \d+/,
    );
    assert.deepEqual(
      Deno.readFileSync(`${member.dataDir}/global/pg_control`),
      control,
    );
    const keys = await cluster.keys();
    assert.equal(keys["initialize"], "7000000000000000001");
    assert.equal(keys["leader"], undefined);
  });

  Deno.test({
    name: "bad input: an agent waits for a store that is not there yet",
    ignore: etcdSkipReason() !== null,
    fn: async () => {
      await using cluster = await AgentCluster.create({
        dcs: "etcd",
        members: 1,
      });
      const member = cluster.member("n1");
      await using link = linkToStore(cluster, member);
      link.sever();
      member.start();
      await cluster.until(
        "it says so",
        () =>
          Promise.resolve(/Can not get cluster from dcs: /.test(member.log())),
      );
      assert.deepEqual(member.otherFiles(), []);
      link.heal();
      await cluster.untilLeader();
    },
  });
});

function postgresql(config: Section, changes: Section): Section {
  const section = { ...sectionOf(config, "postgresql"), ...changes };
  return { ...config, postgresql: section };
}
