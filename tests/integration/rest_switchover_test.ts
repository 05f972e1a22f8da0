/**
 * What a member says of a change of leader afterwards: how long each phase took
 * (`/metrics`), and why it happened (`/explain`), on both sides.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test("a change of leader is measured and explained", async () => {
    await using cluster = await AgentCluster.running({ members: 2 });
    const [before, after] = [cluster.member("n1"), cluster.member("n2")];
    assert.equal(await phase(after, "race"), null);
    const { status, text } = await before.rest("/switchover", {
      method: "POST",
      body: { leader: "n1", candidate: "n2" },
    });
    assert.deepEqual([status, text], [
      200,
      'Successfully switched over to "n2"',
    ]);
    await cluster.untilWhole();
    const race = await phase(after, "race");
    const promotion = await phase(after, "promotion");
    assert.ok(race !== null && race >= 0);
    assert.ok(promotion !== null && promotion > 0);
    console.log(`race ${race} s, promotion ${promotion} s`);
    assert.equal(await phase(before, "race"), null);
    const { text: metrics } = await before.rest("/metrics");
    assert.match(
      metrics,
      /^matriarch_dcs_requests_total\{.*operation="renew_lease"\} [1-9]/m,
    );
    assert.ok((await deeds(after)).includes("start_task promote"));
    assert.ok((await deeds(before)).includes("start_task demote"));
  });
});

/** Seconds of the last failover's phase; null: the member knows none. */
async function phase(
  member: AgentMember,
  name: string,
): Promise<number | null> {
  const { text } = await member.rest("/metrics");
  const line = new RegExp(
    `^matriarch_last_failover_seconds\\{.*phase="${name}"\\} (\\S+)$`,
    "m",
  ).exec(text);
  return line === null ? null : Number(line[1]);
}

/** What the member says it did, with the task where one was started. */
async function deeds(member: AgentMember): Promise<readonly string[]> {
  const { text } = await member.rest("/explain");
  const { decisions } = JSON.parse(text);
  return decisions.map((entry: { decision: string; task?: string }) =>
    `${entry.decision} ${entry.task ?? ""}`.trim()
  );
}
