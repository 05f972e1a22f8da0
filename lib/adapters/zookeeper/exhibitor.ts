/**
 * The servers of an ensemble as Exhibitor tells them.
 *
 * Source: Exhibitor's REST API, `GET /exhibitor/v1/cluster/list`; Patroni 4.1.4
 * `exhibitor.py`, which asks its servers in any order, each for at most 3.1 s.
 */
import { request } from "node:http";
import {
  after,
  type Moment,
  remainingMs,
  timerMs,
} from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { DcsUnreachableError } from "../../ports/errors.ts";
import { shown, textOf } from "./errors.ts";
import { HostList, type HostSource, hostText, shuffled } from "./hosts.ts";
import type { HostPort } from "./options.ts";

const PATH = "/exhibitor/v1/cluster/list";
const ASK_MS_MAX = 3100;
const BODY_LENGTH_MAX = 1 << 20;
const SERVERS_MAX = 1000;
const PORT_MAX = 65_535;

/** What Exhibitor is asked with. */
export interface ExhibitorOptions {
  readonly hosts: readonly HostPort[];
  readonly pollMs: number;
  readonly clock: Clock;
}

/** Asks when somebody needs a server and the last answer is old. */
export class ExhibitorHosts implements HostSource {
  readonly #options: ExhibitorOptions;
  readonly #list = new HostList([]);
  /** Null: never. */
  #askedAt: Moment | null = null;

  constructor(options: ExhibitorOptions) {
    this.#options = options;
  }

  async hosts(timeoutMs: number): Promise<readonly HostPort[]> {
    const { clock, pollMs } = this.#options;
    const isDue = this.#askedAt === null ||
      clock.now() - this.#askedAt >= pollMs;
    if (isDue) await this.#refresh(timeoutMs);
    return await this.#list.hosts();
  }

  leave(host: HostPort): void {
    this.#list.leave(host);
  }

  async #refresh(timeoutMs: number): Promise<void> {
    const { clock, hosts } = this.#options;
    const deadline = after(clock.now(), timeoutMs);
    const problems: string[] = [];
    for (const host of shuffled(hosts)) {
      const leftMs = remainingMs(deadline, clock.now());
      if (leftMs <= 0) break;
      try {
        const limitMs = Math.min(leftMs, ASK_MS_MAX);
        this.#list.replace(serversOf(await ask(host, limitMs)));
        this.#askedAt = clock.now();
        return;
      } catch (error) {
        problems.push(`${hostText(host)}: ${textOf(error)}`);
      }
    }
    // What it said last is better than nothing.
    if (!this.#list.isEmpty) return;
    throw new DcsUnreachableError(
      "Exhibitor does not tell where ZooKeeper is: " +
        problems.map(shown).join("; "),
    );
  }
}

function ask({ host, port }: HostPort, limitMs: number): Promise<string> {
  const signal = AbortSignal.timeout(timerMs(limitMs));
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void =>
      reject(signal.aborted ? new Error("no answer in time") : error);
    const options = { host, port, path: PATH, agent: false, signal };
    const outgoing = request(options, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > BODY_LENGTH_MAX) {
          outgoing.destroy(new Error("the answer is too long"));
        }
      });
      answer.on("error", fail);
      answer.on("aborted", () => fail(new Error("the answer ended early")));
      answer.on("end", () => {
        if (answer.statusCode === 200) resolve(text);
        else reject(new Error(`status ${answer.statusCode}`));
      });
    });
    outgoing.on("error", fail);
    outgoing.end();
  });
}

/**
 * The servers of an answer.
 *
 * @throws {Error} If it is none, or names no server.
 */
export function serversOf(text: string): readonly HostPort[] {
  const wrong = new Error("the answer is no list of servers");
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw wrong;
  }
  if (typeof found !== "object" || found === null) throw wrong;
  const { servers, port }: Readonly<Record<string, unknown>> = { ...found };
  const number = Number(port);
  const isPort = Number.isInteger(number) && number > 0 && number <= PORT_MAX;
  const list: readonly unknown[] = Array.isArray(servers) ? servers : [];
  if (!isPort) throw wrong;
  const names = list.slice(0, SERVERS_MAX)
    .filter((name) => typeof name === "string").filter((name) => name !== "");
  if (names.length === 0) throw wrong;
  return names.map((host) => ({ host, port: number }));
}
