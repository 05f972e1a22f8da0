/** The handle on a meter that runs in a process of its own. */
import type { MeterOptions, MeterReport, MeterVerdict } from "./meter.ts";
import { type CommandLine, LAB_MARK } from "./processes.ts";

/** How to start the meter's program. */
interface MeterCommand extends CommandLine {
  readonly env?: Readonly<Record<string, string>>;
  /** Marks the process as part of a lab. */
  readonly mark: string;
}

type Facts = Readonly<Record<string, unknown>>;

/** A running meter; `await using` ends it. */
export class MeterProcess {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: AsyncIterator<string>;
  #last: Promise<unknown> = Promise.resolve();

  /** Starts the meter; it begins to write as soon as the port leads somewhere. */
  constructor(command: MeterCommand, options: MeterOptions) {
    this.#process = new Deno.Command(command.command, {
      args: [...command.args, JSON.stringify(options)],
      env: { ...command.env, [LAB_MARK]: command.mark },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
      detached: true,
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#output = lines(this.#process.stdout);
  }

  /** Begins a new measurement; resolves when the meter has taken it up. */
  async begin(): Promise<void> {
    await this.#ask("begin");
  }

  /** What happened since `begin`. */
  async report(): Promise<MeterReport> {
    const facts = await this.#ask("report");
    return {
      gapMs: Number(facts["gapMs"]),
      errors: Number(facts["errors"]),
      acknowledged: Number(facts["acknowledged"]),
      idleMs: Number(facts["idleMs"]),
      lastError: facts["lastError"] ? String(facts["lastError"]) : null,
    };
  }

  /** Compares all acknowledged rows with the table, read through the same port. */
  async verify(): Promise<MeterVerdict> {
    const facts = await this.#ask("verify");
    const examples = facts["examples"];
    return {
      lost: Number(facts["lost"]),
      examples: Array.isArray(examples) ? examples.map(Number) : [],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#input.close();
    } catch {
      // It ended already.
    }
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It ended already.
    }
    await this.#process.status;
    await this.#output.return?.();
  }

  /** One question at a time: answers come in the order of the questions. */
  #ask(word: string): Promise<Facts> {
    const answer = this.#last.then(() => this.#exchange(word));
    this.#last = answer.catch(() => {});
    return answer;
  }

  async #exchange(word: string): Promise<Facts> {
    await this.#input.write(new TextEncoder().encode(`${word}\n`));
    const line = await this.#output.next();
    if (line.done) throw new Error("The meter's process has ended");
    const facts: Facts = Object(JSON.parse(line.value));
    if (facts["error"]) throw new Error(`The meter: ${facts["error"]}`);
    return facts;
  }
}

async function* lines(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<string, void, void> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
