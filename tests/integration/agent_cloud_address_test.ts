/**
 * A cloud's address with real agents: it follows the leader through a switchover,
 * is released by the fence of an agent that was killed, and is never acquired by a
 * member that does not lead.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { until } from "../helpers/tcp.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const ADDRESS = "10.0.0.9";

/** One line per call: what, by which member. */
const CLOUD = `#!/bin/sh
dir=$(dirname "$0")
echo "$2 $1" >> "$dir/calls"
case $2 in
acquire) echo "$1" > "$dir/owner" ;;
release) [ "$(cat "$dir/owner" 2>/dev/null)" != "$1" ] || : > "$dir/owner" ;;
esac
`;

async function follows(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-cloud-" });
  const program = `${folder}/cloud`;
  await Deno.writeTextFile(program, CLOUD, { mode: 0o755 });
  const owner = (): string => {
    try {
      return Deno.readTextFileSync(`${folder}/owner`).trim();
    } catch {
      return "";
    }
  };
  const calls = (): readonly string[] =>
    Deno.readTextFileSync(`${folder}/calls`).trim().split("\n");
  try {
    await using cluster = await AgentCluster.running({
      members: 2,
      hasProxies: true,
      isQuick: true,
      change: (config, { name }) => ({
        ...config,
        vip: [{
          ...{ address: ADDRESS, provider: "exec" },
          command: [program, name],
          command_timeout: "2s",
        }],
      }),
    });
    const first = await cluster.untilWhole();
    await until(`${first.name} has it`, () => owner() === first.name, owner);
    const [second] = cluster.others(first.name);
    assert.ok(second !== undefined);
    assert.ok(!calls().includes(`acquire ${second.name}`));
    for (
      const [member, isCarried] of [[first, true], [second, false]] as const
    ) {
      const facts = await member.rest("/ui/facts");
      assert.match(facts.text, new RegExp(`"${ADDRESS}"`));
      assert.match(facts.text, new RegExp(`[cC]arried":${isCarried}`));
    }
    const { status, text } = await first.rest("/switchover", {
      method: "POST",
      body: { leader: first.name, candidate: second.name },
    });
    assert.equal(status, 200, text);
    await until(`${second.name} has it`, () => owner() === second.name, owner);
    const moves = calls();
    const released = moves.lastIndexOf(`release ${first.name}`);
    const acquired = moves.indexOf(`acquire ${second.name}`);
    assert.ok(released >= 0 && released < acquired, moves.join("\n"));

    await cluster.untilWhole();
    const before = calls().length;
    second.signal("SIGKILL");
    await second.ended();
    await until(
      `the fence of ${second.name} gives it up`,
      () => calls().slice(before).includes(`release ${second.name}`),
      calls,
    );
    await until(`${first.name} has it`, () => owner() === first.name, calls);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

unprivileged(import.meta.url, () => {
  Deno.test(
    "a cloud's address follows the leader, and its fence gives it up",
    follows,
  );
});
