/**
 * The lab while it runs: on a terminal a table that is drawn anew, otherwise
 * plain lines whenever something changed.
 */
import { leaderOf } from "./cluster_status.ts";
import type { RunningLab } from "./running_lab.ts";
import { connectionLines, hintLines, memberLines } from "./texts.ts";
import { pause } from "./wait.ts";

const EVERY_MS = 1000;
const CLEAR = "\x1b[H\x1b[J";

/** Shows the lab until `signal` aborts. */
export async function showLive(
  lab: RunningLab,
  signal: AbortSignal,
): Promise<void> {
  const { plan, cluster } = lab;
  const isTerminal = Deno.stdout.isTerminal();
  if (!isTerminal) {
    console.log(
      [...connectionLines(plan), ...hintLines(plan, null)].join("\n"),
    );
  }
  let last = "";
  while (!signal.aborted) {
    const status = await cluster.status();
    const members = memberLines(plan, status).join("\n");
    if (isTerminal) {
      const leader = status === null ? null : leaderOf(status);
      const rest = [
        ["", ...connectionLines(plan)],
        ["", ...hintLines(plan, leader)],
      ].flat();
      console.log(`${CLEAR}${members}\n${rest.join("\n")}`);
    } else if (members !== last) console.log(`\n${members}`);
    last = members;
    await pause(EVERY_MS, signal);
  }
}
