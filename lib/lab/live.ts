/**
 * The lab while it runs: on a terminal a table that is drawn anew, otherwise
 * plain lines whenever something changed.
 */
import { type ClusterStatus, leaderOf } from "./cluster_status.ts";
import type { LabPlan } from "./plan.ts";
import type { RunningLab } from "./running_lab.ts";
import { connectionLines, hintLines, memberLines } from "./texts.ts";
import { pause } from "./wait.ts";

const EVERY_MS = 1000;
const CLEAR = "\x1b[H\x1b[J";

function helpText(plan: LabPlan, leader: string): string {
  return [...connectionLines(plan), "", ...hintLines(plan, leader)].join("\n");
}

/** What a plain output says; each part once. */
class PlainLines {
  readonly #plan: LabPlan;
  #last = "";
  #isHelpShown = false;

  constructor(plan: LabPlan) {
    this.#plan = plan;
  }

  show(members: string, leader: string | null): void {
    if (members !== this.#last) console.log(`\n${members}`);
    this.#last = members;
    if (this.#isHelpShown || leader === null) return;
    console.log(`\n${helpText(this.#plan, leader)}`);
    this.#isHelpShown = true;
  }
}

function leaderIn(status: ClusterStatus | null): string | null {
  return status === null ? null : leaderOf(status);
}

/** Shows the lab until `signal` aborts. */
export async function showLive(
  lab: RunningLab,
  signal: AbortSignal,
): Promise<void> {
  const isTerminal = Deno.stdout.isTerminal();
  const plain = new PlainLines(lab.plan);
  while (!signal.aborted) {
    const status = await lab.cluster.status();
    const members = memberLines(lab.plan, status).join("\n");
    const leader = leaderIn(status);
    if (isTerminal) {
      const help = helpText(lab.plan, leader ?? "");
      console.log(`${CLEAR}${members}\n\n${help}`);
    } else plain.show(members, leader);
    await pause(EVERY_MS, signal);
  }
}
