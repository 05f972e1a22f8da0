/**
 * What the port does not say of every store, on a real ZooKeeper: its nodes, who
 * keeps a session alive, writes that look alike, rights and credentials.
 */
import assert from "node:assert/strict";
import { transact } from "../../lib/adapters/zookeeper/calls.ts";
import { ownerOf } from "../../lib/adapters/zookeeper/lease_sessions.ts";
import { OPEN_ACL } from "../../lib/adapters/zookeeper/messages.ts";
import type { Credential } from "../../lib/adapters/zookeeper/options.ts";
import { planOf } from "../../lib/adapters/zookeeper/plan.ts";
import type { DcsWrite } from "../../lib/ports/dcs.ts";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import { beside, nodesOf } from "../helpers/zookeeper_nodes.ts";
import {
  throughSection,
  withDcs,
  withServer,
  zookeeperTest,
} from "./dcs_zookeeper_access.ts";
import {
  contents,
  eventually,
  guardedDelete,
  guardedPut,
  isRefused,
  LIMITS,
  put,
  Recorder,
  revisionOf,
  SHORT_LIMITS,
  TTL_MS,
} from "./dcs_fixture.ts";

const NONE = { kind: "none" } as const;
const SCOPE_PATH = "/service/batman";

zookeeperTest(
  "nodes are Patroni's: folders are empty, leases ephemeral",
  () =>
    withServer({}, ({ port }) =>
      withDcs({ port }, async (dcs) => {
        const { id: session } = await dcs.openSession(TTL_MS, LIMITS);
        await put(dcs, "initialize", "");
        await put(dcs, "config", "{}");
        await put(dcs, "config", "{ }");
        for (const key of ["leader", "members/n1"]) {
          await guardedPut(dcs, key, { value: "n1", guard: NONE, session });
        }
        await beside({ port }, async (connection) => {
          const { nodes } = await nodesOf(connection, SCOPE_PATH);
          const seen = [...nodes].map(([key, { value, stat }]) => {
            const isHeld = stat.owner === ownerOf(session);
            assert.ok(isHeld || stat.owner === 0n);
            return [key, value, isHeld, stat.version];
          }).toSorted();
          assert.deepEqual(seen, [
            ["", "", false, 0],
            ["config", "{ }", false, 1],
            ["initialize", "", false, 0],
            ["leader", "n1", true, 0],
            ["members", "", false, 0],
            ["members/n1", "n1", true, 0],
          ]);
        });
        // Patroni makes that folder before there is anything in it.
        await eventually(
          async () => !("leader" in await contents(dcs)),
          () => "the session is still alive",
        );
        assert.deepEqual(await contents(dcs), {
          config: "{ }",
          initialize: "",
        });
      })),
);

zookeeperTest(
  "only a renewal keeps a session alive",
  () =>
    withServer({}, ({ port }) =>
      withDcs({ port }, async (dcs) => {
        const ending = new AbortController();
        const recorder = new Recorder();
        dcs.watch(recorder, ending.signal);
        const { id: session } = await dcs.openSession(TTL_MS, LIMITS);
        await guardedPut(dcs, "leader", { value: "n1", guard: NONE, session });
        // Reads, writes and a watch go on all the time.
        await eventually(async () => {
          await put(dcs, "status", "x");
          return !("leader" in await contents(dcs, "read"));
        }, () => "something keeps the session alive");
        assert.equal(await dcs.renewSession(session, LIMITS), "gone");
        ending.abort();
      })),
);

/** Writes once more what may have been lost with its connection. */
async function untilDone(write: () => Promise<unknown>): Promise<void> {
  for (let tries = 0;; tries++) {
    try {
      await write();
      return;
    } catch (error) {
      assert.ok(error instanceof DcsUnreachableError && tries < 20);
    }
  }
}

zookeeperTest(
  "a session is renewed over a new connection, also a lost one",
  () =>
    withServer({}, async (server) => {
      await using link = new SeverableLink(server.port);
      await withDcs({ port: link.port }, async (dcs) => {
        const { id: session } = await dcs.openSession(10_000, LIMITS);
        const bind = { value: "n1", guard: NONE, session };
        for (let round = 0; round < 5; round++) {
          assert.equal(await dcs.renewSession(session, LIMITS), "alive");
          await guardedPut(dcs, "leader", bind);
          link.cut();
          await untilDone(() => guardedPut(dcs, "leader", bind));
        }
        const renewals = Array.from({ length: 5 }, () =>
          Promise.all([
            dcs.renewSession(session, LIMITS),
            // A renewal takes the connection away after a while.
            untilDone(() => guardedPut(dcs, "members/n1", bind)),
          ]));
        for (const [answer] of await Promise.all(renewals)) {
          assert.equal(answer, "alive");
        }
        const { entries } = await dcs.readFresh(LIMITS);
        assert.deepEqual(entries.map(({ key, isHeld }) => [key, isHeld]), [
          ["leader", true],
          ["members/n1", true],
        ]);
      });
    }),
);

zookeeperTest(
  "a session that the server cuts or lengthens says so",
  () =>
    withServer(
      { lines: ["maxSessionTimeout=5000"] },
      ({ port }) =>
        withDcs({ port }, async (dcs) => {
          assert.equal((await dcs.openSession(30_000, LIMITS)).ttlMs, 5000);
          assert.equal((await dcs.openSession(1, LIMITS)).ttlMs, 1000);
        }),
    ),
);

zookeeperTest(
  "a server that grants less than another one is refused",
  () =>
    withServer({}, async (server) => {
      await withDcs({ port: server.port }, async (dcs) => {
        const { id } = await dcs.openSession(30_000, LIMITS);
        await server.kill();
        const path = `${server.directory}/zoo.cfg`;
        await Deno.writeTextFile(path, "\nmaxSessionTimeout=5000\n", {
          append: true,
        });
        server.restart();
        await server.untilServing();
        await isRefused(
          dcs.renewSession(id, LIMITS),
          /keeps a session for 5000 ms.*promised 30000 ms/,
        );
      });
    }),
);

zookeeperTest(
  "a node that was made anew is another one",
  () =>
    withServer({}, ({ port }) =>
      withDcs({ port }, async (dcs) => {
        const { id: session } = await dcs.openSession(30_000, LIMITS);
        const first = { value: "n1", guard: NONE, session };
        await guardedPut(dcs, "leader", first);
        await beside({ port }, async (connection) => {
          const scope = await nodesOf(connection, SCOPE_PATH);
          const edits = [{ kind: "delete", key: "leader" }] as const;
          const writes: readonly DcsWrite[] = [
            { when: [{ kind: "value_is", key: "leader", value: "n1" }], edits },
            {
              when: [],
              edits: [{
                kind: "put",
                key: "leader",
                value: "x",
                session: null,
              }],
            },
          ];
          // The same value and version, but another node.
          await guardedDelete(dcs, "leader", NONE);
          await guardedPut(dcs, "leader", first);
          for (const write of writes) {
            const plan = planOf(write, {
              ...{ scopePath: SCOPE_PATH, scope, ownerOf },
            });
            assert.ok(plan.kind === "ready");
            const options = { acl: OPEN_ACL, ...LIMITS };
            const { failed } = await transact(connection, plan.steps, options);
            assert.notEqual(failed, null);
          }
          assert.deepEqual(await contents(dcs), { leader: "n1" });
          // With a new look both would happen.
          const again = planOf(writes[0]!, {
            ...{ scopePath: SCOPE_PATH, ownerOf },
            scope: await nodesOf(connection, SCOPE_PATH),
          });
          assert.ok(again.kind === "ready");
          const options = { acl: OPEN_ACL, ...LIMITS };
          const { failed } = await transact(connection, again.steps, options);
          assert.equal(failed, null);
          const { nodes } = await nodesOf(connection, SCOPE_PATH);
          assert.deepEqual([...nodes.keys()], [""]);
        });
      })),
);

zookeeperTest(
  "a store that was put back to an older state is taken as it is",
  () =>
    withServer({}, async (server) => {
      const { port } = server;
      await withDcs({ port }, async (dcs) => {
        const ending = new AbortController();
        const recorder = new Recorder();
        dcs.watch(recorder, ending.signal);
        for (let round = 0; round < 30; round++) {
          await put(dcs, "config", String(round));
        }
        const { id: session } = await dcs.openSession(30_000, LIMITS);
        await eventually(
          () => recorder.valuesOf("config").at(-1) === "29",
          () => recorder,
        );
        const { resets } = recorder;
        await server.kill();
        const data = `${server.directory}/data/version-2`;
        await Deno.remove(data, { recursive: true });
        server.restart();
        await server.untilServing();
        assert.deepEqual(await contents(dcs, "read"), {});
        await eventually(() => recorder.resets > resets, () => recorder);
        assert.equal(await dcs.renewSession(session, LIMITS), "gone");
        await put(dcs, "config", "new");
        assert.deepEqual(await contents(dcs, "read"), { config: "new" });
        await eventually(
          () => recorder.valuesOf("config").at(-1) === "new",
          () => recorder,
        );
        ending.abort();
      });
    }),
);

zookeeperTest(
  "writes of many at once all happen, or say why not",
  () =>
    withServer(
      {},
      ({ port }) =>
        withDcs({ port }, (dcs) =>
          withDcs({ port }, async (other) => {
            await put(dcs, "status", "0");
            const add = async (one: typeof dcs): Promise<void> => {
              for (;;) {
                const { entries } = await one.readFresh(LIMITS);
                const status = entries.find(({ key }) => key === "status");
                assert.ok(status !== undefined);
                const { revision } = status;
                const result = await guardedPut(one, "status", {
                  value: String(Number(status.value) + 1),
                  guard: { kind: "revision_is", revision },
                });
                if (result.kind === "done") return;
              }
            };
            const adds = Array.from(
              { length: 10 },
              () => [add(dcs), add(other)],
            );
            await Promise.all(adds.flat());
            assert.deepEqual(await contents(dcs), { status: "20" });
          })),
    ),
);

zookeeperTest(
  "rights and credentials: refused, and used once they are there",
  () =>
    withServer({}, async ({ port }) => {
      const alice = { scheme: "digest", credential: "alice:secret" };
      // Nodes that are made belong to whoever is logged in.
      const acl = [{ permissions: 31, scheme: "auth", id: "" }];
      await withDcs({ port, acl, credentials: () => [alice] }, async (dcs) => {
        await put(dcs, "config", "{}");
      });
      let known: readonly Credential[] = [];
      await withDcs({ port, credentials: () => known }, async (dcs) => {
        const edits = [{ kind: "delete", key: "config" }] as const;
        for (
          const credentials of [[], [{ ...alice, credential: "alice:wrong" }]]
        ) {
          known = credentials;
          const text = /does not allow a read of \/service\/batman.*auth_data/;
          await isRefused(dcs.readFresh(LIMITS), text);
          await isRefused(dcs.read(LIMITS), text);
          await isRefused(dcs.write({ when: [], edits }, LIMITS), text);
        }
        known = [alice];
        assert.deepEqual(await contents(dcs), { config: "{}" });
        revisionOf(await guardedDelete(dcs, "config", NONE));
      });
      await throughSection({
        zookeeper: {
          hosts: `127.0.0.1:${port}`,
          auth_data: { digest: "alice:secret" },
        },
      }, async (dcs) => assert.deepEqual(await contents(dcs), {}));
      const unknown = [{ scheme: "sesame", credential: "open" }];
      await withDcs({ port, credentials: () => unknown }, async (dcs) => {
        await isRefused(
          dcs.readFresh(SHORT_LIMITS),
          /does not accept auth_data/,
        );
        await isRefused(
          dcs.openSession(TTL_MS, SHORT_LIMITS),
          /does not accept auth_data/,
        );
      });
      await withDcs({
        port,
        scopePath: "/other/batman",
        acl: [{ permissions: 31, scheme: "x509", id: "CN=a" }],
      }, async (dcs) => {
        await isRefused(put(dcs, "config", "{}"), /does not know .*set_acls/);
      });
    }),
);
