/**
 * The proxy that this one replaces: what to ask it for, and what to go on telling
 * it while its last sessions end. It hears the agent through this process, so its
 * sessions are cut by the same word as everybody else's.
 */
import type { Clock } from "../lib/ports/clock.ts";
import type {
  AgentHeartbeat,
  AgentMessage,
  AgentWord,
  ProxyState,
  SuccessorMessage,
} from "../lib/ports/proxy_process.ts";
import { decodeAnswer, type PredecessorAnswer } from "./control_codec.ts";
import { linesOf } from "./lines.ts";
import { ProxyStartError } from "./options.ts";
import { closeQuietly, writeAll } from "./byte_stream.ts";

const ANSWER_MS = 5_000;
const LOOK_MS = 1_000;
const SILENT = "Cannot take over: the running proxy does not answer";

/** The proxy that this one replaces. */
export class Predecessor {
  readonly #conn: Deno.UnixConn;
  readonly #clock: Clock;
  readonly #waiting: ((answer: PredecessorAnswer | null) => void)[] = [];
  readonly #reading: Promise<void>;
  #state: ProxyState | null = null;
  #isGone = false;
  #sending: Promise<void> = Promise.resolve();

  private constructor(conn: Deno.UnixConn, clock: Clock) {
    this.#conn = conn;
    this.#clock = clock;
    this.#reading = this.#read();
  }

  /** Null if no proxy answers at the socket. */
  static async find(path: string, clock: Clock): Promise<Predecessor | null> {
    let conn: Deno.UnixConn;
    try {
      conn = await Deno.connect({ transport: "unix", path });
    } catch {
      return null;
    }
    const found = new Predecessor(conn, clock);
    await found.#look();
    return found;
  }

  /** Resolves when it is gone. */
  get ended(): Promise<void> {
    return this.#reading;
  }

  /** What it said of itself last; null once it is gone, or if it never did. */
  get state(): ProxyState | null {
    return this.#isGone ? null : this.#state;
  }

  /**
   * Asks for its listening sockets.
   *
   * @param inbox Where they are awaited; null: nowhere.
   * @throws {ProxyStartError} If it refuses.
   */
  async takeOver(inbox: string | null): Promise<void> {
    const answer = await this.#ask({ type: "take_over", inbox });
    if (answer === null) throw new ProxyStartError(SILENT);
    this.#accept(answer);
  }

  /**
   * Ends its duties other than the sessions that it has.
   *
   * @returns What it leaves; null if it is gone.
   * @throws {ProxyStartError} If it refuses.
   */
  async yield(): Promise<AgentWord | null> {
    const answer = await this.#ask({ type: "yield" });
    if (answer === null && !this.#isGone) throw new ProxyStartError(SILENT);
    this.#accept(answer);
    return answer?.type === "word" ? answer : null;
  }

  /** Hands on what the agent said. */
  tell(heartbeat: AgentHeartbeat): void {
    this.#ask({ type: "heartbeat", ...heartbeat });
  }

  /** Ends it, with its sessions. */
  async stop(): Promise<void> {
    await this.#ask({ type: "stop" });
  }

  /** Looks at it until it has ended, or `signal` aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#isGone) {
      await this.#look();
      await this.#clock.sleep(LOOK_MS, signal);
    }
  }

  async close(): Promise<void> {
    closeQuietly(this.#conn);
    await this.#reading;
  }

  async #look(): Promise<void> {
    const answer = await this.#ask({ type: "look" });
    if (answer?.type === "state") this.#state = answer;
  }

  #accept(answer: PredecessorAnswer | null): void {
    if (answer?.type !== "refusal") return;
    throw new ProxyStartError(`Cannot take over: ${answer.reason}`);
  }

  /** Null if it does not answer, in time or at all. */
  async #ask(
    message: AgentMessage | SuccessorMessage,
  ): Promise<PredecessorAnswer | null> {
    if (this.#isGone) return null;
    const { promise, resolve } = Promise.withResolvers<
      PredecessorAnswer | null
    >();
    this.#waiting.push(resolve);
    const line = new TextEncoder().encode(`${JSON.stringify(message)}\n`);
    this.#sending = this.#sending.then(() => writeAll(this.#conn, line))
      .catch(() => closeQuietly(this.#conn));
    const done = new AbortController();
    this.#clock.sleep(ANSWER_MS, done.signal).then(() => resolve(null));
    const answer = await promise;
    done.abort();
    return answer;
  }

  async #read(): Promise<void> {
    try {
      for await (const line of linesOf(this.#conn)) {
        this.#waiting.shift()?.(decodeAnswer(line));
      }
    } catch {
      // Closed by either side.
    }
    this.#isGone = true;
    closeQuietly(this.#conn);
    for (const resolve of this.#waiting.splice(0)) resolve(null);
  }
}
