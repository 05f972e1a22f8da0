/** How long clients were without a primary, per fault, as a table. */
import { longestGapMs } from "./checker.ts";
import type { Attempt } from "./history.ts";

/** One time that something was broken. */
interface Round {
  readonly faults: readonly string[];
  /** On any path. */
  readonly anyMs: number;
  /** On the path that users take: the VIP and the proxy there. */
  readonly proxyMs: number;
}

/** Collects rounds. */
export class Outages {
  readonly #rounds: Round[] = [];

  /**
   * Notes what clients felt.
   *
   * @param faults Names of what was broken at the same time.
   * @param history The attempts from the first fault until all was whole again.
   */
  note(faults: readonly string[], history: readonly Attempt[]): string {
    const round = {
      faults,
      anyMs: longestGapMs(history),
      proxyMs: longestGapMs(history, "vip-proxy"),
    };
    this.#rounds.push(round);
    return `no write for ${seconds(round.anyMs)}, ` +
      `through VIP and proxy for ${seconds(round.proxyMs)}`;
  }

  /** A line per fault: how often, and its longest outages alone and with another. */
  table(): string {
    const names = new Set(this.#rounds.flatMap(({ faults }) => faults));
    const rows = [...names].toSorted().map((name) => {
      const all = this.#rounds.filter(({ faults }) => faults.includes(name));
      const alone = all.filter(({ faults }) => faults.length === 1);
      const paired = all.filter(({ faults }) => faults.length > 1);
      return [name, String(all.length), ...worst(alone), ...worst(paired)];
    });
    const head = ["fault", "times", "alone", "by proxy", "paired", "by proxy"];
    return [head, head.map(() => "---"), ...rows]
      .map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  }
}

function worst(rounds: readonly Round[]): readonly [string, string] {
  if (rounds.length === 0) return ["", ""];
  return [
    seconds(Math.max(...rounds.map(({ anyMs }) => anyMs))),
    seconds(Math.max(...rounds.map(({ proxyMs }) => proxyMs))),
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
