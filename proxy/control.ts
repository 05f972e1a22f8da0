/**
 * The unix socket through which the agent of this host talks to its proxy. It
 * translates lines into calls of {@link LocalAgent}; what they mean is decided
 * there.
 */
import type { Log } from "../lib/ports/log.ts";
import type { AgentMessage, ProxyState } from "../lib/ports/proxy_process.ts";
import { decodeAgentMessage } from "./control_codec.ts";
import { writeAll } from "./portable_plane.ts";
import { errorText } from "./error_text.ts";
import { linesOf } from "./lines.ts";
import type { LocalAgent } from "./local_agent.ts";
import { ProxyStartError } from "./options.ts";
import { closeQuietly } from "./portable_plane.ts";

/** What the control socket needs. */
export interface ControlParts {
  readonly path: string;
  readonly log: Log;
  readonly agent: LocalAgent;
  readonly state: () => ProxyState;
  /** The agent said "retire". */
  readonly onRetire: () => void;
  /** The agent said "stop". */
  readonly onStop: () => void;
}

/** See the head of this file. */
export class Control {
  readonly #parts: ControlParts;
  readonly #listener: Deno.UnixListener;
  readonly #connections = new Set<Deno.UnixConn>();
  readonly #served: Promise<void>;
  #isClosed = false;

  private constructor(parts: ControlParts, listener: Deno.UnixListener) {
    this.#parts = parts;
    this.#listener = listener;
    this.#served = this.#serve();
  }

  /**
   * Takes the socket over from a proxy that is gone.
   *
   * @throws {ProxyStartError} If another proxy answers there, or the path can not be used.
   */
  static async open(parts: ControlParts): Promise<Control> {
    const { path } = parts;
    if (await isAnswered(path)) {
      throw new ProxyStartError(
        `Another proxy already runs beside this member (it answers at ${path})`,
      );
    }
    try {
      await Deno.remove(path).catch(() => {});
      const listener = Deno.listen({ transport: "unix", path });
      await Deno.chmod(path, 0o600);
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
    await Deno.remove(this.#parts.path).catch(() => {});
    closeQuietly(this.#listener);
    for (const connection of this.#connections) closeQuietly(connection);
    await this.#served;
  }

  async #serve(): Promise<void> {
    const talks = new Set<Promise<void>>();
    while (!this.#isClosed) {
      try {
        const talk = this.#talk(await this.#listener.accept());
        talks.add(talk);
        talk.finally(() => talks.delete(talk));
      } catch (error) {
        if (this.#isClosed) break;
        const message = `The control socket failed: ${errorText(error)}`;
        this.#parts.log.error(message, { error });
        break;
      }
    }
    await Promise.all(talks);
  }

  async #talk(connection: Deno.UnixConn): Promise<void> {
    const { agent, log, state } = this.#parts;
    this.#connections.add(connection);
    agent.onConnect();
    try {
      for await (const line of linesOf(connection)) {
        const message = decodeAgentMessage(line);
        if (message === null) throw new TypeError(`not a message: ${line}`);
        this.#take(message);
        const answer = `${JSON.stringify(state())}\n`;
        await writeAll(connection, new TextEncoder().encode(answer));
      }
    } catch (error) {
      if (!this.#isClosed) {
        log.debug(`The agent's connection ended: ${errorText(error)}`);
      }
    } finally {
      agent.onDisconnect();
      this.#connections.delete(connection);
      closeQuietly(connection);
    }
  }

  #take(message: AgentMessage): void {
    switch (message.type) {
      case "heartbeat":
        return this.#parts.agent.onHeartbeat(message);
      case "drain":
        return this.#parts.agent.onDrain(message.ms);
      case "bye":
        return this.#parts.agent.onBye();
      case "retire":
        return queueMicrotask(() => this.#parts.onRetire());
      case "stop":
        // After the answer is on its way.
        return queueMicrotask(() => this.#parts.onStop());
      case "look":
        return;
    }
  }
}

async function isAnswered(path: string): Promise<boolean> {
  try {
    const connection = await Deno.connect({ transport: "unix", path });
    connection.close();
    return true;
  } catch {
    return false;
  }
}
