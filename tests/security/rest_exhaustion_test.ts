/**
 * Goal: nobody who can connect to the REST API takes the agent the descriptors by
 * which it speaks to the store, to PostgreSQL and to the programs that it starts.
 *
 * Method: the listener with the agent's limits in a process that may open 256
 * files and needs some, and hundreds of connections that are silent, half-sent,
 * slow, endless or pipelined, opened again as they are closed.
 */
import assert from "node:assert/strict";
import { untilIt } from "../helpers/wait.ts";
import { Flood } from "./rest_flood.ts";

const PROGRAM = new URL("./rest_program.ts", import.meta.url).pathname;
const FILES_MAX = 256;
const CONNECTIONS = 600;
const BEATS = 10;
const WAIT_MS = 60_000;

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
