/**
 * Callbacks as real programs: arguments, one at a time, killed with everything
 * they started, reloads apart.
 */
import assert from "node:assert/strict";
import { CallbacksExec } from "../../lib/adapters/callbacks/callbacks_exec.ts";
import type { CallbackEvent } from "../../lib/ports/callbacks.ts";
import { LogLines } from "../helpers/rest_app.ts";
import { until } from "../helpers/tcp.ts";

/** A folder with a program that notes its arguments, and the callbacks on it. */
class Bench implements AsyncDisposable {
  readonly log = new LogLines();
  readonly callbacks: CallbacksExec;
  commands: Partial<Record<CallbackEvent, readonly string[]>> = {};

  private constructor(readonly folder: string) {
    this.callbacks = new CallbacksExec({
      scope: "main scope",
      commands: () => this.commands,
      log: this.log,
      closeTimeoutMs: 200,
      reloadGraceMs: 200,
    });
  }

  static async open(): Promise<Bench> {
    const folder = await Deno.makeTempDir({ prefix: "matriarch callbacks " });
    return new Bench(folder);
  }

  /** Writes a shell script and returns the words that run it. */
  async script(name: string, body: string): Promise<readonly string[]> {
    const path = `${this.folder}/${name}`;
    await Deno.writeTextFile(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    return [path];
  }

  async lines(file: string): Promise<readonly string[]> {
    const text = await Deno.readTextFile(`${this.folder}/${file}`)
      .catch(() => "");
    return text.split("\n").filter((line) => line !== "");
  }

  async untilLines(file: string, count: number): Promise<readonly string[]> {
    let seen: readonly string[] = [];
    await until(`${count} lines in ${file}`, async () => {
      seen = await this.lines(file);
      return seen.length >= count;
    }, () => JSON.stringify({ seen, log: this.log.lines }));
    return seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.callbacks.close();
    await this.#endLeftovers();
    await Deno.remove(this.folder, { recursive: true });
  }

  /** After a failed test its endless scripts may still run. */
  async #endLeftovers(): Promise<void> {
    for (const file of ["pids", "on_role_change", "on_reload"]) {
      for (const pid of await this.lines(file)) {
        const isOurs = /sleep.600|matriarch callbacks/.test(commandOf(pid));
        if (isOurs && isRunning(pid)) Deno.kill(Number(pid), "SIGKILL");
      }
    }
  }
}

/** The command line of a process, empty if it has ended. */
function commandOf(pid: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`);
  } catch {
    return "";
  }
}

/** A process that has ended but was not yet collected does not count. */
function isRunning(pid: string): boolean {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return !/^\d+ \(.*\) Z/.test(stat);
  } catch {
    return false;
  }
}

Deno.test("callbacks get their own words, then action, role and scope", async () => {
  await using bench = await Bench.open();
  const note = `line=$(printf '%s|' "$@")\n` +
    `echo "$line" >> "$(dirname "$0")/calls"`;
  const command = await bench.script("note", note);
  bench.commands = { on_start: [...command, "two words"], on_stop: command };
  bench.callbacks.fire("on_start", "promoted");
  await bench.untilLines("calls", 1);
  bench.callbacks.fire("on_restart", "replica");
  bench.callbacks.fire("on_stop", "demoted");
  assert.deepEqual(await bench.untilLines("calls", 2), [
    "two words|on_start|primary|main scope|",
    "on_stop|demoted|main scope|",
  ]);
});

Deno.test("callbacks: a new one kills the running one with its children", async () => {
  await using bench = await Bench.open();
  const stuck = await bench.script(
    "stuck",
    `cd "$(dirname "$0")"\nsleep 600 &\necho $! >> pids\n` +
      `setsid sleep 600 &\necho $! >> pids\necho $$ >> pids\nwait`,
  );
  const note = await bench.script(
    "note",
    `echo "$1 $2" >> "$(dirname "$0")/calls"`,
  );
  bench.commands = { on_start: stuck, on_role_change: note };
  bench.callbacks.fire("on_start", "replica");
  const pids = await bench.untilLines("pids", 3);
  bench.callbacks.fire("on_role_change", "replica");
  assert.deepEqual(await bench.untilLines("calls", 1), [
    "on_role_change replica",
  ]);
  await until("all are gone", () => !pids.some(isRunning), () => `${pids}`);
  assert.match(
    bench.log.lines.join("\n"),
    /WARNING Killed .*\/stuck because it was still running/,
  );
});

Deno.test("callbacks: of those that wait only the newest is started", async () => {
  await using bench = await Bench.open();
  const note = await bench.script(
    "note",
    `echo "$2" >> "$(dirname "$0")/calls"`,
  );
  bench.commands = { on_role_change: note };
  for (const role of ["a", "b", "c", "d"]) {
    bench.callbacks.fire("on_role_change", role);
  }
  await until(
    "the last one ran",
    async () => (await bench.lines("calls")).includes("d"),
    () => bench.log.lines.join("\n"),
  );
  const calls = await bench.lines("calls");
  assert.ok(!calls.includes("b") && !calls.includes("c"), calls.join());
});

Deno.test("callbacks: on_reload ends only an earlier on_reload, TERM then KILL", async () => {
  await using bench = await Bench.open();
  const slow = await bench.script(
    "slow",
    `trap '' TERM\necho $$ >> "$(dirname "$0")/$1"\nwhile :; do sleep 1; done`,
  );
  bench.commands = { on_role_change: slow, on_reload: slow };
  bench.callbacks.fire("on_role_change", "replica");
  const [change = ""] = await bench.untilLines("on_role_change", 1);
  bench.callbacks.fire("on_reload", "replica");
  const [first = ""] = await bench.untilLines("on_reload", 1);
  bench.callbacks.fire("on_reload", "replica");
  const [, second = ""] = await bench.untilLines("on_reload", 2);
  assert.equal(isRunning(first), false);
  assert.equal(isRunning(change), true);
  assert.equal(isRunning(second), true);
  for (const pid of [change, second]) Deno.kill(-Number(pid), "SIGKILL");
});

Deno.test("callbacks: commands that cannot run are logged, the next one runs", async () => {
  await using bench = await Bench.open();
  const note = await bench.script("note", `echo ok >> "$(dirname "$0")/calls"`);
  await Deno.writeTextFile(`${bench.folder}/text`, "text", { mode: 0o644 });
  const wrong = ["/no/such/program", `${bench.folder}/text`, "/etc", ""];
  for (const [index, on_start] of wrong.entries()) {
    bench.commands = { on_start: [on_start] };
    bench.callbacks.fire("on_start", "replica");
    await until(
      `${on_start} is logged`,
      () => bench.log.lines.length > index,
      () => bench.log.lines.join("\n"),
    );
  }
  bench.commands = { on_stop: note };
  bench.callbacks.fire("on_stop", "replica");
  await bench.untilLines("calls", 1);
  for (const line of bench.log.lines) {
    assert.match(line, /^ERROR Cannot run the callback /);
  }
});

Deno.test("callbacks: close() leaves a long callback running", async () => {
  const bench = await Bench.open();
  const long = await bench.script(
    "long",
    `echo $$ >> "$(dirname "$0")/pids"\nexec sleep 600`,
  );
  bench.commands = { on_stop: long };
  bench.callbacks.fire("on_stop", "primary");
  const [pid = ""] = await bench.untilLines("pids", 1);
  await bench.callbacks.close();
  assert.equal(isRunning(pid), true);
  Deno.kill(Number(pid), "SIGKILL");
  await until("it is gone", () => !isRunning(pid), () => pid);
  await bench[Symbol.asyncDispose]();
});
