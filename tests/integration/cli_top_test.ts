/**
 * Goal: `matriarch top` on a terminal: it draws, follows the terminal's size, and
 * gives the terminal back as it was, by its key, by Ctrl-C and when it is told to
 * end. Method: a pseudo terminal by `script`, a SQLite file as store, keys
 * written by hand, no member that answers.
 */
import assert from "node:assert/strict";
import { DcsSqlite } from "../../lib/adapters/sqlite/dcs_sqlite.ts";
import { REAL_CLOCK } from "../helpers/postgres.ts";
import { matriarch } from "../helpers/program.ts";
import { skipReason } from "../helpers/skip_reason.ts";
import { untilIt } from "../helpers/wait.ts";

const NO_SCRIPT = skipReason("script", "bsdutils");
const LIMIT_MS = 30_000;

const KEYS = {
  leader: "n1",
  "members/n1": '{"conn_url":"postgres://127.0.0.1:1/postgres",' +
    '"api_url":"http://127.0.0.1:1/patroni","role":"primary",' +
    '"state":"running","timeline":1,"xlog_location":1}',
};

/** Says which terminal and process this is, and at the end whether all is as before. */
const SHELL = `stty rows 24 cols 80; before=$(stty -g)
echo "tty $(tty) end"
sh -c 'echo "pid $$ end"; exec "$@"' sh "$@"; echo "code $? end"
test "$before" = "$(stty -g)" && echo "terminal as before"`;

/** A shell on a terminal of its own that runs `top`. */
class TerminalOfTop implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  #text = "";

  constructor(folder: string) {
    const words = matriarch("-c", `${folder}/config.yml`, "top", "-w", "0.5");
    const command = ["sh", `${folder}/shell`, ...words]
      .map((word) => `'${word}'`).join(" ");
    this.#child = new Deno.Command("script", {
      args: ["-qefc", command, "/dev/null"],
      env: { TERM: "xterm", NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stdout) {
      this.#text += decoder.decode(bytes, { stream: true });
    }
  }

  async type(keys: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(keys));
  }

  /** What was written since the last time, once it has `wanted`. */
  async until(wanted: RegExp): Promise<RegExpExecArray> {
    const found = await untilIt(
      `the terminal shows ${wanted}`,
      () => Promise.resolve(wanted.exec(this.#text)),
      { limitMs: LIMIT_MS, report: () => Promise.resolve(this.#text) },
    );
    this.#text = this.#text.slice(found.index + found[0].length);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended.
    }
    await Promise.all([this.#child.status, this.#reading]);
  }
}

/** From the first picture to the last word of the shell. */
async function story(
  folder: string,
  end: (terminal: TerminalOfTop, pid: number) => Promise<void>,
): Promise<void> {
  await using terminal = new TerminalOfTop(folder);
  const [, device = ""] = await terminal.until(/tty (\S+) end/);
  const [, pid = ""] = await terminal.until(/pid (\d+) end/);
  await terminal.until(/\[\?1049h/);
  await terminal.until(/demo: n1 leads, 1 members[^]*leads, silent[^]*q quit/);
  await new Deno.Command("stty", { args: ["-F", device, "cols", "31"] })
    .output();
  await terminal.until(/\[Km members {2}d details {2}e explai~/);
  await terminal.type("e");
  await terminal.until(/Leader: n1; synchronous mode:/);
  await end(terminal, Number(pid));
  await terminal.until(/\[\?25h[^]\[\?1049l/);
  const [, code] = await terminal.until(/code (\d+) end/);
  assert.equal(code, "0");
  await terminal.until(/terminal as before/);
}

Deno.test({
  name: "top gives a terminal back as it was, however it ends",
  ignore: NO_SCRIPT !== null, // needs a pseudo terminal, made by `script`
  fn: async () => {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-top-" });
    try {
      await Deno.writeTextFile(`${folder}/shell`, SHELL);
      const path = `${folder}/dcs.sqlite`;
      await Deno.writeTextFile(
        `${folder}/config.yml`,
        `scope: demo\nsqlite: {path: ${path}}\n`,
      );
      const scopePath = "/service/demo";
      const dcs = new DcsSqlite({ path, scopePath, clock: REAL_CLOCK });
      for (const [key, value] of Object.entries(KEYS)) {
        const edit = { kind: "put", key, value, session: null } as const;
        await dcs.write({ when: [], edits: [edit] }, { timeoutMs: 5_000 });
      }
      await dcs.close();
      await Promise.all([
        story(folder, (terminal) => terminal.type("q")),
        story(folder, (terminal) => terminal.type("\x03")),
        story(folder, (_, pid) => {
          Deno.kill(pid, "SIGTERM");
          return Promise.resolve();
        }),
      ]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
