import assert from "node:assert/strict";
import { runStage } from "./run_stage.ts";
import { filesToRepeat, tallyAfter } from "./second_attempt.ts";

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

for (
  const [name, second, failed] of [
    ["passes at the second attempt, and says so", "exit 0", 0],
    ["fails when the second attempt does", "exit 1", 3],
  ] as const
) {
  Deno.test(`runStage(): a file ${name}`, async () => {
    const log = await Deno.makeTempFile();
    const line = "./tests/b_test.ts => it ... FAILED (1s)";
    try {
      const { tally, complaint } = await runStage(
        {
          name: "tried",
          command: [
            "/bin/sh",
            "-c",
            `echo '${line}'; echo 'FAILED | 5 passed | 3 failed (1s)'; exit 1`,
          ],
          repeat: [
            "/bin/sh",
            "-c",
            `echo "ok | 1 passed | 0 failed (1s)"; ${second}`,
          ],
          kind: "tests",
          needs: null,
        },
        log,
        new AbortController().signal,
      );
      assert.equal(tally.failed, failed);
      const isSaid = complaint?.includes("./tests/b_test.ts") ?? false;
      assert.equal(isSaid, failed === 0);
    } finally {
      await Deno.remove(log);
      await Deno.remove(`${log}.again`);
    }
  });
}
