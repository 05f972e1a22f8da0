/**
 * Goal: nobody who can connect to the REST API of a leader takes it the lease,
 * and nobody makes its members lose sight of it.
 *
 * Method: two members, and hundreds of connections to the leader's REST API that
 * are silent, slow, endless, or ask two hundred times each, for longer than a
 * lease lasts.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { Flood } from "./rest_flood.ts";

const LOOP_WAIT_S = 1;
/** More than a lease has. */
const CYCLES = 25;
/** The flood and what else runs here have these processors, too. */
const LIMIT_MS = 240_000;

function cyclesIn(member: AgentMember): number {
  return member.log().split("the leader with the lock").length - 1;
}

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "a leader keeps its lease under a flood of its REST API",
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      await using cluster = await AgentCluster.running({
        members: 2,
        bootstrapDcs: { loop_wait: LOOP_WAIT_S, ttl: 20 },
      });
      const [leader, other] = cluster.members;
      assert.ok(leader !== undefined && other !== undefined);
      {
        using flood = new Flood(leader.place.restPort);
        const before = cyclesIn(leader);
        await cluster.until(
          "the loop goes on",
          () => Promise.resolve(cyclesIn(leader) >= before + CYCLES),
          LIMIT_MS,
        );
        assert.ok(flood.opened > 0);
      }
      assert.doesNotMatch(leader.log(), /Demoting self/);
      assert.doesNotMatch(other.log(), /promoted self/);
      assert.equal((await cluster.untilWhole()).name, "n1");
      assert.equal((await leader.status())?.["timeline"], 1);
    },
  });
});
