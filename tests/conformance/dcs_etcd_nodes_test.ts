/** How each node of a real etcd is seen, one that hangs and one that is gone among them. */
import assert from "node:assert/strict";
import { SystemClock } from "../../lib/adapters/os/clock.ts";
import { DcsEtcd } from "../../lib/adapters/etcd/dcs_etcd.ts";
import { EtcdServers, etcdSkipReason } from "../helpers/etcd.ts";

const SKIP = etcdSkipReason();

Deno.test({
  name: "etcd: its nodes are looked at one by one" +
    (SKIP === null ? "" : ` (skipped: ${SKIP})`),
  ignore: SKIP !== null,
  // gRPC's timers outlive its clients.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    await using servers = await EtcdServers.start({ nodes: 3 });
    const dcs = new DcsEtcd({
      endpoints: servers.endpoints,
      scopePath: "/service/etcd",
      clock: new SystemClock(),
    });
    try {
      await dcs.readFresh({ timeoutMs: 5_000 });
      const look = () => dcs.nodes({ timeoutMs: 2_000 });
      const all = await look();
      assert.deepEqual(
        all.map(({ address }) => address).toSorted(),
        servers.endpoints.map((url) => new URL(url).host).toSorted(),
      );
      assert.ok(all.every(({ answerMs }) => answerMs !== null));
      assert.equal(all.filter(({ isLeader }) => isLeader).length, 1);

      const hostOf = (at: number) => new URL(servers.endpoints[at] ?? "").host;
      servers.nodes[0]?.freeze();
      await servers.nodes[1]?.kill();
      const left = await look();
      servers.nodes[0]?.thaw();
      const away = left.filter(({ answerMs }) => answerMs === null)
        .map(({ address }) => address);
      assert.deepEqual(away.toSorted(), [hostOf(0), hostOf(1)].toSorted());
    } finally {
      await dcs.close();
    }
  },
});
