/**
 * The lab as a stranger uses it: the demo heals every step and loses no row,
 * Ctrl-C leaves nothing behind, and a port in use is one clear sentence.
 *
 * Each lab gets a TMPDIR of its own, so "nothing is left" can be checked:
 * no file in it, and no process that carries its mark. MATRIARCH_BIN runs the
 * same tests with the one file instead of the checkout.
 */

import assert from "node:assert/strict";
import { LAB_TIMING, planLab, portUses } from "../../lib/lab/plan.ts";
import { takenPorts } from "../../lib/lab/ports.ts";
import { killMarked, markedPids } from "../../lib/lab/processes.ts";
import { SQLITE } from "../../lib/lab/stores/sqlite.ts";
import { pause, waitFor } from "../../lib/lab/wait.ts";

const LAB = new URL("../../scripts/lab", import.meta.url).pathname;
const DEADLINE_MS = 240_000;

function command(args: readonly string[], temp: string): Deno.Command {
  const file = Deno.env.get("MATRIARCH_BIN");
  return new Deno.Command(file ?? LAB, {
    args: [...(file === undefined ? [] : ["lab"]), ...args],
    env: { TMPDIR: temp },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** A base whose ports are all free, below the range of outgoing connections. */
function freeBase(): number {
  for (let attempt = 0; attempt < 100; attempt++) {
    const portBase = 10_000 + Math.floor(Math.random() * 180) * 100;
    const plan = planLab({
      directory: "",
      members: 3,
      dcs: SQLITE,
      portBase,
      timing: LAB_TIMING,
      isSynchronous: true,
      password: "",
      binDir: "",
    });
    if (takenPorts(portUses(plan)) === null) return portBase;
  }
  throw new Error("No free ports for a lab");
}

/** A TMPDIR that other users can enter; whatever is in it is ended and removed. */
async function withTemp(work: (temp: string) => Promise<void>): Promise<void> {
  const temp = await Deno.makeTempDir({ prefix: "labtest-" });
  await Deno.chmod(temp, 0o755);
  try {
    await work(temp);
  } finally {
    await killMarked(temp);
    await Deno.remove(temp, { recursive: true });
  }
}

function assertNothingLeft(temp: string): void {
  assert.deepEqual([...Deno.readDirSync(temp)].map((entry) => entry.name), []);
  assert.deepEqual(markedPids(temp), []);
}

interface Output {
  text: string;
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  output: Output,
): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    output.text += decoder.decode(chunk, { stream: true });
  }
}

/** The last lines of all agents' logs, for a failure. */
function agentLogs(temp: string): string {
  const texts: string[] = [];
  for (const lab of Deno.readDirSync(temp)) {
    for (const member of Deno.readDirSync(`${temp}/${lab.name}`)) {
      if (!/^m\d$/.test(member.name)) continue;
      const path = `${temp}/${lab.name}/${member.name}/agent.log`;
      const lines = Deno.readTextFileSync(path).trimEnd().split("\n");
      texts.push(`${path}:`, ...lines.slice(-20));
    }
  }
  return texts.join("\n");
}

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a lab; `during` may watch its output and end it. */
async function run(
  args: readonly string[],
  temp: string,
  during: (child: Deno.ChildProcess, out: Output) => Promise<void> = () =>
    Promise.resolve(),
): Promise<Ended> {
  const child = command(args, temp).spawn();
  const out = { text: "" };
  const err = { text: "" };
  const reading = [collect(child.stdout, out), collect(child.stderr, err)];
  const watch = new AbortController();
  const tooLong = pause(DEADLINE_MS, watch.signal).then(() => {
    if (!watch.signal.aborted) child.kill("SIGKILL");
  });
  try {
    await during(child, out);
    const { code } = await child.status;
    await Promise.all(reading);
    return { code, out: out.text, err: err.text };
  } catch (error) {
    err.text += agentLogs(temp);
    child.kill("SIGKILL");
    await child.status;
    await killMarked(temp);
    await Promise.all(reading);
    throw new Error(`${error}\n${out.text}\n${err.text}`, { cause: error });
  } finally {
    watch.abort();
    await tooLong;
  }
}

Deno.test("lab demo: every step heals and no acknowledged row is lost", async () => {
  await withTemp(async (temp) => {
    const base = String(freeBase());
    const ended = await run(["demo", "--json", "--port-base", base], temp);
    assert.equal(ended.code, 0, `${ended.err}\n${ended.out}`);
    const result: unknown = JSON.parse(ended.out);
    const { steps } = Object(result);
    assert.deepEqual(
      steps.map((step: { kind: string }) => step.kind),
      ["switchover", "kill_postmaster", "stop_agent", "lose_member"],
    );
    for (const step of steps) {
      assert.equal(step.lost, 0, `${step.kind} lost rows`);
      assert.ok(step.acknowledged > 0, `${step.kind} wrote nothing`);
    }
    for (const kind of ["switchover", "stop_agent", "lose_member"]) {
      const step = steps.find((s: { kind: string }) => s.kind === kind);
      assert.notEqual(step.newLeader, step.oldLeader, kind);
    }
    assertNothingLeft(temp);
  });
});

Deno.test("lab: Ctrl-C leaves no process and no directory", async () => {
  await withTemp(async (temp) => {
    // A store with a server of its own: that has to end, too.
    const args = ["--dcs", "pgstore", "--port-base", String(freeBase())];
    const ended = await run(args, temp, async (child, out) => {
      await waitFor("two streaming members", () => {
        const table = out.text.slice(out.text.lastIndexOf("member  "));
        return table.match(/streaming/g)?.length === 2 ? true : null;
      }, { timeoutMs: 90_000 });
      assert.ok(markedPids(temp).length > 3, "the lab's processes are marked");
      child.kill("SIGINT");
    });
    assert.equal(ended.code, 0, ended.err);
    assertNothingLeft(temp);
  });
});

Deno.test("lab: a leader that is frozen or killed is replaced, and heals", async () => {
  await withTemp(async (temp) => {
    const args = ["--port-base", String(freeBase())];
    const hurt = async (directory: string, ...words: readonly string[]) => {
      const call = command([...words, "--dir", directory], temp);
      const { code, stdout, stderr } = await call.output();
      const text = new TextDecoder();
      const said = text.decode(stdout) + text.decode(stderr);
      assert.equal(code, 0, said);
      assert.match(said, /, 0 of them lost\)/);
      return said;
    };
    const whole = (out: Output) =>
      waitFor("a whole table", () => {
        const table = out.text.slice(out.text.lastIndexOf("member  "));
        const [, leader] = /^(m\d) +leader +running/m.exec(table) ?? [];
        const streaming = table.match(/streaming/g)?.length === 2;
        // Nobody may take over from a leader before it has named somebody.
        const isNamed = table.includes("sync_standby");
        return streaming && isNamed && leader !== undefined ? leader : null;
      }, { timeoutMs: 120_000 });
    const ended = await run(args, temp, async (child, out) => {
      const leader = await whole(out);
      const [lab] = [...Deno.readDirSync(temp)];
      const directory = `${temp}/${lab?.name}`;
      assert.match(await hurt(directory, "freeze", leader), /is frozen/);
      const next = await waitFor("another leader", () => {
        const table = out.text.slice(out.text.lastIndexOf("member  "));
        const [, now] = /^(m\d) +leader +running/m.exec(table) ?? [];
        return now === undefined || now === leader ? null : now;
      }, { timeoutMs: 60_000 });
      await hurt(directory, "heal", leader);
      await whole(out);
      assert.match(await hurt(directory, "kill", next), /is killed/);
      await waitFor(
        "it is held down",
        () =>
          out.text.includes(`is started again by: lab heal ${next}`) || null,
        {
          timeoutMs: 60_000,
        },
      );
      await hurt(directory, "heal", next);
      await whole(out);
      child.kill("SIGINT");
    });
    assert.equal(ended.code, 0, ended.err);
    assertNothingLeft(temp);
  });
});

Deno.test("lab: who cannot be hurt is told why", async () => {
  await withTemp(async (temp) => {
    const nobody = await run(["kill", "m1", "--dir", `${temp}/none`], temp);
    assert.equal(nobody.code, 1);
    assert.match(nobody.err, /^lab: No such lab runs here/);
    for (const words of [["kill"], ["heal", "m1", "m2"], ["cut", "--x"]]) {
      const { code, err } = await run(words, temp);
      assert.equal(code, 2, err);
      assert.match(err, new RegExp(`^lab: Wanted: lab ${words[0]} NAME`));
    }
  });
});

Deno.test("lab: a port in use is one sentence, before anything starts", async () => {
  await withTemp(async (temp) => {
    const portBase = freeBase();
    const port = portBase + 1000;
    using _taken = Deno.listen({ hostname: "127.0.0.1", port });
    const ended = await run(["--port-base", String(portBase)], temp);
    assert.equal(ended.code, 1);
    assert.equal(ended.out, "");
    assert.match(
      ended.err,
      new RegExp(`^lab: Port ${port} \\(the lab's proxy, read-only\\).*\\.\n$`),
    );
    assertNothingLeft(temp);
  });
});

Deno.test("lab: all wrong options are named at once", async () => {
  await withTemp(async (temp) => {
    const args = ["--members", "0", "--dcs", "x", "--port-base", "80"];
    const ended = await run(args, temp);
    assert.equal(ended.code, 2);
    for (const option of ["--members", "--dcs", "--port-base"]) {
      assert.match(ended.err, new RegExp(`^lab: ${option}: `, "m"));
    }
    assertNothingLeft(temp);
  });
});
