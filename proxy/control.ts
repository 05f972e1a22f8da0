/**
 * The unix socket through which the agent of this host talks to its proxy, and a
 * new proxy to the one that it replaces. It translates lines into calls; what
 * they mean is decided elsewhere.
 */
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import type {
  AgentWord,
  ProxyRefusal,
  ProxyState,
} from "../lib/ports/proxy_process.ts";
import { type ControlMessage, decodeControlMessage } from "./control_codec.ts";
import { closeQuietly, writeAll } from "./byte_stream.ts";
import { errorText } from "./error_text.ts";
import { linesOf } from "./lines.ts";
import type { LocalAgent } from "./local_agent.ts";
import { ProxyStartError } from "./options.ts";

const FAILED_PAUSE_MS = 100;
const FAILED_LOG_MS = 10_000;
/** Of a line that is no message. */
const SHOWN_CHARACTERS_MAX = 200;

/** What the control socket needs. */
interface ControlParts {
  readonly clock: Clock;
  readonly path: string;
  readonly log: Log;
  readonly agent: LocalAgent;
  readonly state: () => ProxyState;
  /** The agent said "stop". */
  readonly onStop: () => void;
  /** A new proxy asks for the listening sockets, at that inbox. */
  readonly onTakeOver: (inbox: string | null) => ProxyRefusal | null;
  /** A new proxy takes charge now. */
  readonly onYield: () => ProxyRefusal | AgentWord;
}

type Answer = ProxyState | ProxyRefusal | AgentWord;

/** Listens on the unix socket for the agent and for a new proxy. */
export class Control {
  readonly #parts: ControlParts;
  readonly #listener: Deno.UnixListener;
  readonly #connections = new Set<Deno.UnixConn>();
  readonly #served: Promise<void>;
  /** The new proxy's connection. */
  #successor: Deno.UnixConn | null = null;
  #loggedAt = -Infinity;
  #isClosed = false;

  private constructor(parts: ControlParts, listener: Deno.UnixListener) {
    this.#parts = parts;
    this.#listener = listener;
    this.#served = this.#serve();
  }

  /**
   * Listens in place of a proxy that is gone or has yielded; there is no moment
   * without a socket.
   *
   * @throws {ProxyStartError} If the path cannot be used.
   */
  static async open(parts: ControlParts): Promise<Control> {
    const { path } = parts;
    const fresh = `${path}.${Deno.pid}`;
    try {
      await Deno.remove(fresh).catch(() => {});
      const listener = Deno.listen({ transport: "unix", path: fresh });
      await Deno.chmod(fresh, 0o600);
      await Deno.rename(fresh, path);
      return new Control(parts, listener);
    } catch (error) {
      throw new ProxyStartError(
        `Cannot listen on the control socket ${path}: ${errorText(error)}`,
        { cause: error },
      );
    }
  }

  /** Makes room for another proxy: the socket is gone, the connections are closed. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // After a yield the path is the successor's.
    const isOurs = this.#successor === null;
    if (isOurs) await Deno.remove(this.#parts.path).catch(() => {});
    closeQuietly(this.#listener);
    for (const connection of this.#connections) closeQuietly(connection);
    await this.#served;
  }

  /** From now on only the successor is heard. */
  #hearOnly(successor: Deno.UnixConn): void {
    this.#successor = successor;
    closeQuietly(this.#listener);
    for (const connection of this.#connections) {
      if (connection !== successor) closeQuietly(connection);
    }
  }

  async #serve(): Promise<void> {
    const talks = new Set<Promise<void>>();
    while (!this.#isClosed) {
      try {
        const talk = this.#talk(await this.#listener.accept());
        talks.add(talk);
        talk.finally(() => talks.delete(talk));
      } catch (error) {
        if (this.#isClosed || this.#successor !== null) break;
        // Out of descriptors, say: an agent that cannot connect now must later.
        await this.#pause(error);
      }
    }
    await Promise.all(talks);
  }

  async #pause(error: unknown): Promise<void> {
    const { clock, log } = this.#parts;
    if (clock.now() - this.#loggedAt > FAILED_LOG_MS) {
      this.#loggedAt = clock.now();
      const message = `The control socket failed: ${errorText(error)}`;
      log.error(message, { error });
    }
    await clock.sleep(FAILED_PAUSE_MS);
  }

  async #talk(connection: Deno.UnixConn): Promise<void> {
    const { agent, log, state } = this.#parts;
    this.#connections.add(connection);
    agent.presence.onConnect();
    let isAgent = false;
    try {
      for await (const line of linesOf(connection)) {
        const message = decodeControlMessage(line);
        if (message === null) {
          const begin = line.slice(0, SHOWN_CHARACTERS_MAX);
          throw new TypeError(`not a message: ${begin}`);
        }
        isAgent ||= message.type === "heartbeat";
        if (isAgent) agent.onWord();
        const answer = this.#take(message) ?? state();
        const text = new TextEncoder().encode(`${JSON.stringify(answer)}\n`);
        await writeAll(connection, text);
        if (answer.type === "word") this.#hearOnly(connection);
      }
    } catch (error) {
      if (!this.#isClosed) {
        log.debug(`The agent's connection ended: ${errorText(error)}`);
      }
    } finally {
      if (connection === this.#successor) agent.forget();
      agent.presence.onDisconnect();
      this.#connections.delete(connection);
      closeQuietly(connection);
    }
  }

  /** The answer; null: the state. */
  #take(message: ControlMessage): Answer | null {
    const { agent, onStop, onTakeOver, onYield } = this.#parts;
    switch (message.type) {
      case "heartbeat":
        agent.onHeartbeat(message);
        return null;
      case "drain":
        agent.rest.begin(message.ms);
        return null;
      case "bye":
        agent.presence.onBye();
        return null;
      case "stop":
        // After the answer is on its way.
        queueMicrotask(onStop);
        return null;
      case "look":
        return null;
      case "take_over":
        return onTakeOver(message.inbox);
      case "yield":
        return onYield();
    }
  }
}
