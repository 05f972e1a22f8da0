/**
 * The lab while it runs: on a terminal a table that is drawn anew, otherwise
 * plain lines whenever something changed. An agent that was killed is started
 * again after a while, as a service manager would do it.
 */
import { type ClusterStatus, leaderOf } from "./cluster_status.ts";
import { isHeldDown } from "./held_down.ts";
import type { LabCluster } from "./lab_cluster.ts";
import type { LabPlan } from "./plan.ts";
import type { RunningLab } from "./running_lab.ts";
import { connectionLines, hintLines, memberLines } from "./texts.ts";
import { pause } from "./wait.ts";

const EVERY_MS = 1000;
/** Long enough to watch what the others do meanwhile. */
const RESTART_AFTER_MS = 10_000;
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

/** Starts agents again that ended some time ago. */
class Restarter {
  readonly #cluster: LabCluster;
  readonly #endedAt = new Map<string, number>();

  constructor(cluster: LabCluster) {
    this.#cluster = cluster;
  }

  /** Says what ended, and starts what ended long enough ago. */
  look(): string[] {
    return this.#cluster.agents.ended().map(({ name, lastLine }) => {
      const now = performance.now();
      const since = this.#endedAt.get(name) ?? now;
      this.#endedAt.set(name, since);
      if (isHeldDown(this.#cluster.member(name).directory)) {
        return `${name} was killed and is started again by: lab heal ${name}`;
      }
      if (now - since < RESTART_AFTER_MS) {
        const seconds = RESTART_AFTER_MS / 1000;
        return `The agent of ${name} has ended and is started again after ` +
          `${seconds} s; its last words: ${lastLine}`;
      }
      this.#endedAt.delete(name);
      this.#cluster.agents.start(name);
      return `The agent of ${name} is started again.`;
    });
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
  const restarter = new Restarter(lab.cluster);
  while (!signal.aborted) {
    const status = await lab.cluster.status();
    if (signal.aborted) return;
    const table = memberLines(lab.plan, status);
    const members = [...table, ...restarter.look()].join("\n");
    const leader = leaderIn(status);
    if (isTerminal) {
      const help = helpText(lab.plan, leader ?? "");
      console.log(`${CLEAR}${members}\n\n${help}`);
    } else plain.show(members, leader);
    await pause(EVERY_MS, signal);
  }
}
