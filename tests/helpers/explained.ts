/** What `matriarch explain` says of the last change of leader. */
import assert from "node:assert/strict";
import type { AgentCluster } from "./agent_cluster.ts";
import type { AgentMember } from "./agent_member.ts";
import { commandLine } from "./command_line.ts";

/** Lines of explain, run against a member's configuration. */
export async function explainLines(
  member: AgentMember,
  what: string,
): Promise<readonly string[]> {
  const { code, text } = await commandLine(member, ["explain"]);
  console.log(`--- ${what}\n${text}`);
  assert.equal(code, 0);
  return text.trimEnd().split("\n");
}

/** The sentence about how the lead before `leader`'s ended; waits until the history names `leader`. */
export async function leadEndSaid(
  cluster: AgentCluster,
  leader: AgentMember,
): Promise<string> {
  const named = async (): Promise<boolean> => {
    const history = await cluster.key("history");
    const last: unknown = Array.isArray(history) ? history.at(-1) : null;
    return Array.isArray(last) && last[4] === leader.name;
  };
  await cluster.until(`the history names ${leader.name}`, named);
  const lines = await explainLines(leader, `${leader.name} leads`);
  const at = lines.findIndex((line) => line.startsWith("Last change of"));
  assert.match(lines[at] ?? "", new RegExp(`: ${leader.name} was promoted`));
  return (lines[at + 1] ?? "").trim();
}
