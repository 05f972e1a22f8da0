/** Waiting for a member's loop to have looked again. */
import assert from "node:assert/strict";
import type { AgentCluster } from "./agent_cluster.ts";
import type { AgentMember } from "./agent_member.ts";

/** The member's loop has run two cycles since now, so one of them as a whole. */
export async function pastCycles(
  cluster: AgentCluster,
  member: AgentMember,
): Promise<void> {
  const count = async (): Promise<number> => {
    const { text } = await member.rest("/metrics");
    return Number(/^matriarch_cycles_total\S* (\d+)/m.exec(text)?.[1] ?? NaN);
  };
  const before = await count();
  assert.ok(before >= 0, "cycles are counted");
  await cluster.until(
    `${member.name} has run two cycles`,
    async () => await count() >= before + 2,
  );
}
