import assert from "node:assert/strict";
import { join } from "node:path";
import { countsText, readCounts } from "./attempt_counts.ts";
import { runStage, type StageResult } from "./run_stage.ts";
import { failedTests, filesToRepeat, tallyAfter } from "./second_attempt.ts";

const FIRST = [
  "./tests/a_test.ts => calm ... ok (1s)",
  "./tests/b_test.ts => b_test.ts as user postgres ... \x1b[31mFAILED\x1b[0m (51s)",
  "./tests/c_test.ts => early ... FAILED",
  "./tests/c_test.ts => late ... FAILED (3ms)",
  "an inner test ... FAILED (5s)",
  "FAILED | 2 passed (3 steps) | 1 failed (1 step) (50s)",
  "",
  "FAILED | 9 passed (27 steps) | 3 failed | 2 ignored (9m21s)",
  "",
  "error: Test failed",
].join("\n");

Deno.test("filesToRepeat() names each file with a failed test once", () => {
  assert.deepEqual(filesToRepeat(FIRST), [
    "./tests/b_test.ts",
    "./tests/c_test.ts",
  ]);
  assert.deepEqual(filesToRepeat("error: Type checking failed."), []);
});

Deno.test("filesToRepeat() repeats nothing when too much failed", () => {
  const lines = ["a", "b", "c", "d"].map((name) =>
    `./tests/${name}_test.ts => it ... FAILED (1s)`
  );
  assert.deepEqual(filesToRepeat(lines.join("\n")), []);
});

Deno.test("tallyAfter() counts the whole stage once", () => {
  const tally = tallyAfter(FIRST, "ok | 4 passed | 0 failed (1m)");
  assert.deepEqual(tally, { passed: 13, failed: 0, ignored: 2 });
});

Deno.test("failedTests() names each test once, by itself and not by its step", () => {
  const file = "./tests/c_test.ts";
  const output = [
    `${file} => the whole ... first step ... FAILED (1s)`,
    `${file} => the whole ... FAILED (2s)`,
  ].join("\n");
  assert.deepEqual(failedTests(output), [{ file, name: "the whole" }]);
  assert.deepEqual(
    failedTests(FIRST).map(({ name }) => name),
    ["b_test.ts as user postgres", "early", "late"],
  );
});

/** A stage whose one test fails at first, and then ends with `second`. */
async function tried(folder: string, second: string): Promise<StageResult> {
  const line = "./tests/b_test.ts => it ... FAILED (1s)";
  const first = `echo '${line}'; echo 'FAILED | 5 passed | 1 failed (1s)'`;
  const again = 'echo "ok | 1 passed | 0 failed (1s)"';
  const { result, again: tryAgain } = await runStage(
    {
      name: "tried",
      command: ["/bin/sh", "-c", `${first}; exit 1`],
      repeat: ["/bin/sh", "-c", `${again}; ${second}`],
      kind: "tests",
      needs: null,
    },
    join(folder, "stage.log"),
    new AbortController().signal,
  );
  return await tryAgain?.() ?? result;
}

async function withCounts(
  work: (folder: string, counts: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const counts = join(folder, "counts.json");
  const before = Deno.env.get("MATRIARCH_SECOND_ATTEMPTS");
  Deno.env.set("MATRIARCH_SECOND_ATTEMPTS", counts);
  try {
    await work(folder, counts);
  } finally {
    if (before === undefined) Deno.env.delete("MATRIARCH_SECOND_ATTEMPTS");
    else Deno.env.set("MATRIARCH_SECOND_ATTEMPTS", before);
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("runStage(): a file fails when its second attempt does", async () => {
  await withCounts(async (folder, counts) => {
    const { tally, complaint } = await tried(folder, "exit 1");
    assert.equal(tally.failed, 1);
    assert.equal(complaint, "failed");
    assert.deepEqual(readCounts(counts), {});
  });
});

Deno.test("runStage(): a second attempt is forgiven twice, and counted", async () => {
  await withCounts(async (folder, counts) => {
    for (const time of [1, 2]) {
      const { tally, complaint } = await tried(folder, "exit 0");
      assert.deepEqual(tally, { passed: 6, failed: 0, ignored: 0 });
      assert.match(complaint ?? "", /second attempt: \.\/tests\/b_test\.ts$/);
      const seen = readCounts(counts);
      assert.deepEqual(seen, { "./tests/b_test.ts => it": time });
      assert.match(
        countsText(counts, seen),
        new RegExp(`^  ${time} of 3: `, "m"),
      );
    }
    const { tally, complaint } = await tried(folder, "exit 0");
    assert.deepEqual(tally, { passed: 5, failed: 1, ignored: 0 });
    assert.match(complaint ?? "", /once too often: .*b_test\.ts => it$/);
  });
});
