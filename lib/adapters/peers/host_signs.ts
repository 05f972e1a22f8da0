/**
 * Whether anything still answers on the host of a leader whose agent is silent:
 * its PostgreSQL, and the port of its proxy. Each has a second to answer; nobody
 * logs in.
 */
import { connect, type Socket } from "node:net";
import type { Moment } from "../../core/base/units.ts";
import type { HostPort } from "../../core/codec/conn_url.ts";
import type { Clock } from "../../ports/clock.ts";

/** What became of one question. */
type Answer = "answered" | "refused" | "silent";

/** Where is asked. */
export interface SignTargets {
  readonly postgres: HostPort | null;
  readonly proxy: HostPort | null;
}

/** Beside the network: when the own WAL receiver got something last. */
export type WalSign = () => Promise<Moment | null>;

const ANSWER_MS = 1_000;
/** Each question starts a process on the other side. */
const ROUND_MS = 250;

/**
 * Each server answers this with one byte before it looks at anything else, and is
 * not surprised if nothing follows.
 *
 * Source: PostgreSQL 17 manual, "Message Formats", SSLRequest.
 */
const SSL_REQUEST = Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f);

/** Asks, and keeps what came of it. */
export class HostSigns {
  readonly #clock: Pick<Clock, "now">;
  readonly #walSign: WalSign;
  #isAsking = false;
  #askedAt = -Infinity;
  #postgresAt: Moment | null = null;
  #postgres: Answer = "silent";
  #proxy: Answer = "silent";
  /** What is asked for belongs to this; an answer to an older question is dropped. */
  #round = 0;

  constructor(clock: Pick<Clock, "now">, walSign: WalSign) {
    this.#clock = clock;
    this.#walSign = walSign;
  }

  /** When PostgreSQL answered last, or sent WAL. */
  get postgresAt(): Moment | null {
    return this.#postgresAt;
  }

  get refused(): { readonly postgres: boolean; readonly proxy: boolean } {
    return {
      postgres: this.#postgres === "refused",
      proxy: this.#proxy === "refused",
    };
  }

  /** The agent is heard again, or another one is listened to. */
  forget(): void {
    this.#round++;
    this.#isAsking = false;
    this.#askedAt = -Infinity;
    this.#postgresAt = null;
    this.#postgres = "silent";
    this.#proxy = "silent";
  }

  /**
   * Asks all at once, unless the last questions are still open or were asked
   * just now. Each answer counts as soon as it is there.
   *
   * @param onNews After each of them.
   */
  async ask(
    { postgres, proxy }: SignTargets,
    onNews: () => void,
  ): Promise<void> {
    const now = this.#clock.now();
    if (this.#isAsking || now - this.#askedAt < ROUND_MS) return;
    this.#isAsking = true;
    this.#askedAt = now;
    const round = this.#round;
    const whenOpen = <T>(take: (answer: T) => void) => (answer: T): void => {
      if (round !== this.#round) return;
      take(answer);
      onNews();
    };
    await Promise.all([
      this.#walSign().catch(() => null)
        .then(whenOpen((at: Moment | null) => this.#takeWal(at))),
      question(postgres, "postgres")
        .then(whenOpen((answer: Answer) => this.#takePostgres(answer))),
      // Who has none is not kept from being lost by it.
      (proxy === null ? refusal() : question(proxy, "any"))
        .then(whenOpen((answer: Answer) => this.#proxy = answer)),
    ]);
    if (round === this.#round) this.#isAsking = false;
  }

  #takeWal(at: Moment | null): void {
    const isLater = at !== null && at > (this.#postgresAt ?? -Infinity);
    if (isLater && this.#postgres !== "refused") this.#postgresAt = at;
  }

  #takePostgres(answer: Answer): void {
    this.#postgres = answer;
    if (answer === "answered") this.#postgresAt = this.#clock.now();
    // Who refuses has ended, whatever it sent before.
    if (answer === "refused") this.#postgresAt = null;
  }
}

function refusal(): Promise<Answer> {
  return Promise.resolve("refused");
}

/** PostgreSQL must answer; of any other port it is enough that it takes the connection. */
function question(
  address: HostPort | null,
  kind: "postgres" | "any",
): Promise<Answer> {
  if (address === null) return Promise.resolve("silent");
  const { host, port } = address;
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const socket: Socket = connect({ host, port });
  const timer = setTimeout(() => resolve("silent"), ANSWER_MS);
  socket.once("connect", () => {
    if (kind === "any") resolve("answered");
    else socket.write(SSL_REQUEST);
  });
  socket.once("data", () => resolve("answered"));
  socket.on("error", (error) => {
    const isRefused = "code" in error && error.code === "ECONNREFUSED";
    resolve(isRefused ? "refused" : "silent");
  });
  socket.once("close", () => resolve("silent"));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}
