import assert from "node:assert/strict";
import { judge, runStage } from "./run_stage.ts";
import {
  chosen,
  groups,
  lanes,
  LEFT_OUT,
  type Stage,
  STAGES,
} from "./stages.ts";
import { tallyOf } from "./tally.ts";

function ending(output: string, success = true) {
  return { success, timedOut: false, output };
}

Deno.test("tallyOf() sums every summary line", () => {
  const output = [
    "ok | 12 passed | 0 failed (12ms)",
    "noise | 3 passed",
    "\x1b[31mFAILED\x1b[0m | 1 passed (1 step) | 2 failed (3 steps) | " +
    "4 ignored \x1b[38;5;245m(6ms)\x1b[0m",
    "ok | 1 passed (2 steps) | 0 failed (1s)",
  ].join("\n");
  assert.deepEqual(tallyOf(output), { passed: 14, failed: 2, ignored: 4 });
  assert.deepEqual(tallyOf(""), { passed: 0, failed: 0, ignored: 0 });
});

Deno.test("judge() counts a check as one", () => {
  const good = judge("check", ending("x"), "must_run");
  assert.deepEqual(good.tally, { passed: 1, failed: 0, ignored: 0 });
  const bad = judge("check", ending("x", false), "must_run");
  assert.deepEqual(bad.tally, { passed: 0, failed: 1, ignored: 0 });
});

Deno.test("judge() counts a crash that printed no failure as one", () => {
  const crash = judge(
    "tests",
    ending("ok | 3 passed | 0 failed (1s)\nerror", false),
    "may_be_empty",
  );
  assert.deepEqual(crash.tally, { passed: 3, failed: 1, ignored: 0 });
  assert.equal(crash.complaint, "failed");
});

Deno.test("judge() wants a test to have run where it must", () => {
  const output = "ok | 0 passed | 0 failed | 2 ignored (1s)";
  const must = judge("tests", ending(output), "must_run");
  assert.equal(must.tally.failed, 1);
  assert.equal(must.complaint, "no test ran");
  const may = judge("tests", ending(output), "may_be_empty");
  assert.equal(may.tally.failed, 0);
});

Deno.test("runStage() says that the time limit ended a stage", async () => {
  const log = await Deno.makeTempFile();
  try {
    const { result } = await runStage(
      {
        name: "endless",
        command: ["/bin/sh", "-c", "echo begun; sleep 600 & wait"],
        kind: "check",
        needs: null,
      },
      log,
      AbortSignal.abort(),
    );
    assert.equal(result.complaint, "the time limit has passed");
    assert.equal(result.tally.failed, 1);
  } finally {
    await Deno.remove(log);
  }
});

Deno.test("runStage() lets a patient stage wait for the others", async () => {
  const log = await Deno.makeTempFile();
  try {
    const stage = { name: "nice", command: ["nice"], kind: "check" } as const;
    const run = async (more: Partial<Stage>) => {
      const never = new AbortController().signal;
      const { result: { output } } = await runStage(
        { ...stage, needs: null, ...more },
        log,
        never,
      );
      return Number(output);
    };
    assert.equal(await run({ isPatient: true }), 19);
    assert.ok(await run({}) < 19);
  } finally {
    await Deno.remove(log);
  }
});

Deno.test("groups() and lanes() say what runs beside and after what", () => {
  const stage = (name: string, how: Partial<Stage> = {}): Stage => ({
    ...{ name, command: [], kind: "check", needs: null },
    ...how,
  });
  const [beside, next] = [{ isBeside: true }, { isNext: true }] as const;
  const stages = [
    ...[stage("a"), stage("b", beside), stage("c")],
    ...[stage("d", next), stage("e", beside), stage("f", next)],
  ];
  const names = (of: readonly Stage[]) =>
    groups(of).map((group) =>
      lanes(group).map((lane) => lane.map(({ name }) => name).join(">"))
    );
  assert.deepEqual(names(stages), [["a", "b"], ["c>d", "e>f"]]);
  // Named alone, it has nothing to run beside or after.
  assert.deepEqual(names(stages.slice(4, 5)), [["e"]]);
  assert.deepEqual(names(stages.slice(5)), [["f"]]);
  assert.deepEqual(names([]), []);
});

Deno.test("chosen() adds the programs that a named stage starts", () => {
  const names = (...of: string[]) => chosen(of)?.map(({ name }) => name);
  assert.deepEqual(names("security"), ["programs", "security"]);
  assert.deepEqual(names("programs", "security"), ["programs", "security"]);
  assert.deepEqual(names("unit"), ["unit"]);
  assert.equal(names("unit", "nonsense"), undefined);
  assert.equal(chosen([]), STAGES);
});

Deno.test("test:all runs every stage that the suite leaves out", async () => {
  const path = new URL("../../deno.json", import.meta.url);
  const { tasks } = JSON.parse(await Deno.readTextFile(path));
  const { command } = tasks["test:all"];
  for (const { name } of LEFT_OUT) {
    const word = name.includes(" ") ? `'${name}'` : name;
    assert.ok(command.split("main.ts")[1]?.includes(` ${word}`), name);
  }
});

Deno.test("every stage has its task", async () => {
  const config = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  for (const { command } of [...STAGES, ...LEFT_OUT]) {
    if (command[1] !== "task") continue;
    assert.ok(command[3] !== undefined && command[3] in config.tasks);
  }
});

Deno.test("a stage whose files may be tried again says which have failed", async () => {
  const { tasks } = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
  );
  const runner = await Deno.readTextFile(
    new URL("./unprivileged_tests.ts", import.meta.url),
  );
  for (const { name, command, repeat } of STAGES) {
    if (repeat === undefined) continue;
    // Only then a line begins with the file's name.
    const words = [...command, tasks[command[3] ?? ""]?.command ?? ""].join(
      " ",
    );
    const isRunner = words.includes("unprivileged_tests.ts");
    assert.match(isRunner ? runner : words, /--parallel/, name);
  }
});

Deno.test("tests that only root can run are run by root", async () => {
  const folder = "tests/integration";
  const needing: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (!name.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(`${folder}/${name}`);
    const isRoots = /fault\/bench\/bench|helpers\/systemd|only root/.test(text);
    if (isRoots) needing.push(`${folder}/${name}`);
  }
  const byRoot = STAGES.find(({ name }) => name === "as root")?.command ?? [];
  const others = STAGES.find(({ name }) => name === "integration")?.command;
  assert.ok(needing.length > 5);
  assert.deepEqual(needing.filter((path) => !byRoot.includes(path)), []);
  // They are not run a second time, where they would only be ignored.
  assert.deepEqual(needing.filter((path) => !others?.includes(path)), []);
});
