import assert from "node:assert/strict";
import { run, withEnglishMessages } from "./programs.ts";

Deno.test("withEnglishMessages() changes the language and nothing else", () => {
  const cases: readonly (readonly [
    Record<string, string>,
    Record<string, string>,
  ])[] = [
    [{}, { LC_MESSAGES: "C" }],
    [{ LANG: "de_DE.UTF-8", HOME: "/" }, {
      LANG: "de_DE.UTF-8",
      HOME: "/",
      LC_MESSAGES: "C",
    }],
    [{ LC_ALL: "", LANG: "C.UTF-8" }, { LANG: "C.UTF-8", LC_MESSAGES: "C" }],
    [{ LC_ALL: "fr_FR.UTF-8", LC_CTYPE: "C", LANG: "C" }, {
      LANG: "fr_FR.UTF-8",
      LC_MESSAGES: "C",
    }],
    [{ LANGUAGE: "de", LC_MESSAGES: "de_DE.UTF-8", LC_CTYPE: "C.UTF-8" }, {
      LC_CTYPE: "C.UTF-8",
      LC_MESSAGES: "C",
    }],
  ];
  for (const [env, wanted] of cases) {
    assert.deepEqual(withEnglishMessages(env), wanted);
  }
});

Deno.test("run() leaves the locale to the agent's environment unless it reads the output", async () => {
  const call = {
    command: "sh",
    args: ["-c", 'echo "${LC_ALL-none} ${LC_MESSAGES-none} ${LANG-none}"'],
    env: { LC_ALL: "C.UTF-8", LC_MESSAGES: "de_DE.UTF-8", LANG: "C" },
  };
  assert.equal((await run(call)).stdout, "C.UTF-8 de_DE.UTF-8 C\n");
  const parsed = await run({ ...call, output: "parsed" });
  assert.equal(parsed.stdout, "none C C.UTF-8\n");
});
