/**
 * One connection to a running proxy. Messages leave in order; of heartbeats
 * that wait only the latest is sent, so a proxy that does not read costs
 * nothing.
 */
import { dirname } from "node:path";
import type { AgentMessage, ProxyState } from "../../ports/proxy_process.ts";
import { isPrivateFolder } from "./private_folder.ts";
import { decodeProxyState } from "./state_codec.ts";

/** One connection from the agent to a running proxy. */
export class ProxyLink {
  /** Resolves when the proxy is gone or the link was closed. Never rejects. */
  readonly ended: Promise<void>;
  readonly #conn: Deno.UnixConn;
  readonly #answered: (state: ProxyState) => void;
  #outbox: readonly AgentMessage[] = [];
  #isSending = false;
  #unanswered = 0;
  #answers = 0;
  #onSettled: readonly (() => void)[] = [];
  #onAsked: (() => void) | null = null;

  private constructor(
    conn: Deno.UnixConn,
    onState: (state: ProxyState) => void,
  ) {
    this.#conn = conn;
    this.#answered = onState;
    this.ended = this.#read();
  }

  /**
   * Null if no proxy answers at the socket, or if its folder is not this user's
   * alone: then a stranger may have made it.
   */
  static async open(
    path: string,
    onState: (state: ProxyState) => void,
  ): Promise<ProxyLink | null> {
    if (!await isPrivateFolder(dirname(path))) return null;
    try {
      const conn = await Deno.connect({ transport: "unix", path });
      return new ProxyLink(conn, onState);
    } catch {
      return null;
    }
  }

  /** Replaces a message of the same type that has not left yet. */
  send(message: AgentMessage): void {
    const others = this.#outbox.filter((m) => m.type !== message.type);
    this.#unanswered += others.length < this.#outbox.length ? 0 : 1;
    this.#outbox = [...others, message];
    if (!this.#isSending) this.#flush();
    this.#onAsked?.();
  }

  /** Whether the proxy owes an answer. */
  get isWaiting(): boolean {
    return this.#unanswered > 0;
  }

  /** Resolves when the proxy owes an answer, or `signal` aborts. */
  async asked(signal: AbortSignal): Promise<void> {
    if (this.isWaiting || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const onAsked = (): void => resolve();
    this.#onAsked = onAsked;
    signal.addEventListener("abort", onAsked);
    await promise;
    signal.removeEventListener("abort", onAsked);
    this.#onAsked = null;
  }

  /** How many answers came so far. */
  get answers(): number {
    return this.#answers;
  }

  /** Resolves when the proxy has answered everything, or is gone. */
  settled(): Promise<void> {
    if (this.#unanswered === 0) return Promise.resolve();
    const answered = Promise.withResolvers<void>();
    this.#onSettled = [...this.#onSettled, answered.resolve];
    return Promise.race([answered.promise, this.ended]);
  }

  close(): void {
    try {
      this.#conn.close();
    } catch {
      // The proxy closed it.
    }
  }

  async #flush(): Promise<void> {
    this.#isSending = true;
    try {
      for (let next; (next = this.#outbox[0]) !== undefined;) {
        this.#outbox = this.#outbox.slice(1);
        const line = new TextEncoder().encode(`${JSON.stringify(next)}\n`);
        for (let sent = 0; sent < line.length;) {
          sent += await this.#conn.write(line.subarray(sent));
        }
      }
    } catch {
      this.close();
    } finally {
      this.#isSending = false;
    }
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(4096);
    let rest = "";
    try {
      for (let n; (n = await this.#conn.read(buffer)) !== null;) {
        const text = decoder.decode(buffer.subarray(0, n), { stream: true });
        const lines = (rest + text).split("\n");
        rest = (lines.pop() ?? "").slice(-buffer.length);
        for (const line of lines) this.#take(line);
      }
    } catch {
      // Closed by either side.
    }
    this.close();
  }

  #take(line: string): void {
    const state = decodeProxyState(line);
    if (state === null) return;
    this.#unanswered--;
    this.#answers++;
    this.#answered(state);
    if (this.#unanswered > 0) return;
    for (const tell of this.#onSettled) tell();
    this.#onSettled = [];
  }
}
