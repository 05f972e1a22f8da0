import assert from "node:assert/strict";
import { splitCommand } from "./split_command.ts";

Deno.test("splitCommand() splits as a shell does", () => {
  const cases: readonly (readonly [string, readonly string[] | null])[] = [
    ["", []],
    ["  ", []],
    ["/bin/cb", ["/bin/cb"]],
    [" /bin/cb  a\tb\n", ["/bin/cb", "a", "b"]],
    ["cb 'a b' \"c d\"", ["cb", "a b", "c d"]],
    ["cb a'b c'd\"e f\"", ["cb", "ab cde f"]],
    ["cb ''", ["cb", ""]],
    ['cb ""x', ["cb", "x"]],
    ["cb a\\ b \\' \\\\", ["cb", "a b", "'", "\\"]],
    ['cb "a\\"b\\\\c\\d"', ["cb", 'a"b\\c\\d']],
    ["cb '$HOME' $HOME *", ["cb", "$HOME", "$HOME", "*"]],
    ["cb 'a\"b'", ["cb", 'a"b']],
    ["cb 'a", null],
    ['cb "a', null],
    ['cb "a\\"', null],
    ["cb \\", null],
  ];
  for (const [line, words] of cases) {
    assert.deepEqual(splitCommand(line), words, line);
  }
});
