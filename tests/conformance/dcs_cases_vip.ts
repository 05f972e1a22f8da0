/** What the election of stand-alone proxies' virtual addresses needs of a store. */
import assert from "node:assert/strict";
import { BARE_VIP, type VipGroup } from "../../lib/core/model/vip.ts";
import { VipElection } from "../../proxy/vip_election.ts";
import { KeptLog, RealClock } from "../helpers/tcp.ts";
import { ToyCarrier } from "../helpers/toy_carrier.ts";
import { eventually, needs, TTL_MS } from "./dcs_fixture.ts";
import type { DcsCase } from "./dcs_suite.ts";

const ADDRESS = "10.0.0.9";

const GROUP: VipGroup = {
  ...{ group: "web", priority: 100, isPreempting: false },
  vips: [{
    ...{ address: ADDRESS, prefixLength: 24, interface: "eth0" },
    ...{ role: "proxy", isReplicaFallback: false, gateway: null },
    ...BARE_VIP,
    announceEveryMs: null,
  }],
};

/** A store may be asked for a session that is longer than its shortest. */
const ASKED_MS = 2 * TTL_MS;

/** Elections of proxies. */
export const VIP_CASES: readonly DcsCase[] = [
  {
    name: "one of two proxies carries an address, the other one after its end",
    // Kubernetes has a place for Patroni's keys only.
    canRun: needs("several_held_keys"),
    run: async ({ connect }) => {
      const clock = new RealClock();
      const log = new KeptLog();
      const parts = ["p1", "p2"].map((id) => {
        const [carrier, dcs] = [new ToyCarrier(clock), connect()];
        const more = { groups: [GROUP], id, name: id, ttlMs: ASKED_MS };
        const obstacle = () => null;
        const election = new VipElection({
          ...{ clock, dcs, log, carrier, obstacle, ...more },
        });
        return { carrier, election };
      });
      const carriers = () =>
        parts.filter(({ carrier }) => carrier.addresses.includes(ADDRESS));
      try {
        await eventually(() => carriers().length === 1, () => log.lines);
        const [first] = carriers();
        await first?.election.end();
        assert.ok(!carriers().some((one) => one === first));
        await eventually(() => carriers().length === 1, () => log.lines);
      } finally {
        await Promise.all(parts.map(({ election }) => election.end()));
      }
      assert.deepEqual(carriers(), []);
    },
  },
];
