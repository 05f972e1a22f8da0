/**
 * Goal: nobody who can connect to the REST API takes the agent the descriptors by
 * which it speaks to the store, to PostgreSQL and to the programs that it starts.
 *
 * Method: the listener with the agent's limits in a process that may open 256
 * files and needs some, and hundreds of connections that are silent, half-sent,
 * slow, endless or pipelined, opened again as they are closed.
 */
import assert from "node:assert/strict";
import net from "node:net";
import { untilIt } from "../helpers/wait.ts";

const PROGRAM = new URL("./rest_program.ts", import.meta.url).pathname;
const FILES_MAX = 256;
const CONNECTIONS = 600;
/** At the same time; more than the listener may have descriptors. */
const OPEN_MAX = 500;
const OPENED = 50;
const OPEN_AGAIN_MS = 20;
const BEATS = 10;
const WAIT_MS = 60_000;

const KINDS: readonly string[] = [
  "",
  "G",
  "GET /patroni HTTP/1.1\r\nHost: x\r\nX-Slow: ",
  "POST /restart HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{",
  "PATCH /config HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
  "fffff\r\n",
  `GET /${"a".repeat(60_000)}`,
  "GET /liveness HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200),
];

/** Opens connections until it is disposed. */
class Flood implements Disposable {
  opened = 0;
  readonly #port: number;
  readonly #sockets = new Set<net.Socket>();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(port: number) {
    this.#port = port;
    this.#timer = setInterval(() => this.#fill(), OPEN_AGAIN_MS);
  }

  #fill(): void {
    for (let i = 0; i < OPENED && this.#sockets.size < OPEN_MAX; i++) {
      this.#open(KINDS[this.opened++ % KINDS.length] ?? "");
    }
  }

  #open(text: string): void {
    const socket = net.connect({ host: "127.0.0.1", port: this.#port });
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("connect", () => void (text !== "" && socket.write(text)));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.destroy();
  }
}

Deno.test({
  name: "a flood of the REST API leaves the agent descriptors of its own",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const lines: string[] = [];
    await using child = new Deno.Command("sh", {
      args: [
        ...["-c", `ulimit -n ${FILES_MAX}; exec "$@"`, "sh"],
        ...[Deno.execPath(), "run", "--allow-all", "--quiet", "--no-check"],
        PROGRAM,
      ],
      stdout: "piped",
    }).spawn();
    const reading = read(child.stdout, lines);
    const until = (what: string, isSo: () => boolean) =>
      untilIt(what, () => Promise.resolve(isSo()), {
        limitMs: WAIT_MS,
        report: () => Promise.resolve(lines.slice(-5).join("\n")),
      });
    await until("it listens", () => lines.length > 1);
    const port = Number(lines[0]?.split(" ")[1]);
    {
      using flood = new Flood(port);
      await until("the flood", () => flood.opened > CONNECTIONS);
      const beats = lines.length;
      await until("it goes on", () => lines.length > beats + BEATS);
    }
    assert.deepEqual(
      new Set(lines.slice(1)),
      new Set(["beat"]),
      "it could open what it needs, all the time",
    );
    await untilIt("it answers again", async () => {
      const reply = await fetch(`http://127.0.0.1:${port}/liveness`)
        .catch(() => null);
      await reply?.body?.cancel();
      return reply?.status === 200;
    });
    child.kill("SIGKILL");
    await reading;
  },
});

async function read(
  stream: ReadableStream<Uint8Array>,
  lines: string[],
): Promise<void> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const part of stream) {
    const parts = (rest + decoder.decode(part, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
  }
}
