/**
 * The meter as a program: options as one JSON argument, then one word per line
 * on standard input (`begin`, `report`, `verify`), each answered by one JSON
 * line on standard output. It ends when standard input does, so it never
 * outlives whoever started it.
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { Meter, type MeterOptions } from "./meter.ts";
import { pause } from "./wait.ts";

function readOptions(text: string): MeterOptions {
  const value: unknown = JSON.parse(text);
  const { url, table, pauseMs, silenceMs } = Object(value);
  if (typeof url !== "string" || typeof table !== "string") {
    throw new TypeError("Cannot start the meter: url and table are wanted");
  }
  return {
    url,
    table,
    pauseMs: Number(pauseMs ?? 10),
    silenceMs: Number(silenceMs ?? 15_000),
  };
}

async function answer(meter: Meter, word: string): Promise<unknown> {
  switch (word) {
    case "begin":
      meter.begin();
      return {};
    case "report":
      return meter.report();
    case "verify":
      return await meter.verify();
    default:
      throw new TypeError(`Cannot understand "${word}"`);
  }
}

async function reply(meter: Meter, word: string): Promise<void> {
  try {
    console.log(JSON.stringify(await answer(meter, word)));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}

async function prepareUntilReady(
  meter: Meter,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      return await meter.prepare();
    } catch {
      // The port may not lead anywhere yet; who started us has the deadline.
      await pause(200, signal);
    }
  }
}

/**
 * Runs the meter until standard input ends.
 *
 * @param args One JSON text: `{url, table, pauseMs, silenceMs}`.
 */
export async function meterMain(args: readonly string[]): Promise<void> {
  const meter = new Meter(readOptions(args[0] ?? "{}"));
  const stop = new AbortController();
  const lines = createInterface({ input: process.stdin });
  lines.on("close", () => stop.abort());
  // Answers are given in the order of the questions.
  let last = prepareUntilReady(meter, stop.signal);
  const running = last.then(() => meter.run(stop.signal));
  lines.on("line", (word) => {
    last = last.then(() => reply(meter, word));
  });
  await running;
}
