import assert from "node:assert/strict";
import { INITDB_FORBIDDEN, optionArguments, splitCommand } from "./options.ts";

Deno.test("optionArguments() reads the list form", () => {
  assert.deepEqual(
    optionArguments(
      [{ encoding: "UTF8" }, { locale: "'C.UTF-8'" }, "data-checksums", {
        "wal-segsize": 64,
      }],
      INITDB_FORBIDDEN,
    ),
    {
      args: [
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--data-checksums",
        "--wal-segsize=64",
      ],
      refused: [],
    },
  );
});

Deno.test("optionArguments() reads the truthy pairs of the map form", () => {
  const options = { encoding: "UTF8", "max-rate": "", verbose: true };
  assert.deepEqual(optionArguments(options, new Set()).args, [
    "--encoding=UTF8",
    "--verbose=True",
  ]);
});

Deno.test("optionArguments() refuses forbidden and malformed options", () => {
  const options = ["pgdata", { pwfile: "x" }, { a: 1, b: 2 }, { c: true }, 7];
  const { args, refused } = optionArguments(options, INITDB_FORBIDDEN);
  assert.deepEqual(args, []);
  assert.deepEqual(refused, [
    "option pgdata is set by the agent",
    "option pwfile is set by the agent",
    "option 2 is malformed",
    "option 3 is malformed",
    "option 4 is malformed",
  ]);
  assert.deepEqual(optionArguments("text", new Set()).refused.length, 1);
  assert.deepEqual(optionArguments(null, new Set()), { args: [], refused: [] });
});

const COMMANDS: readonly (readonly [string, readonly string[] | null])[] = [
  ["/bin/x --a=b c", ["/bin/x", "--a=b", "c"]],
  ["  a   b  ", ["a", "b"]],
  [`a 'b c' "d e"`, ["a", "b c", "d e"]],
  [`a --x="y z"`, ["a", "--x=y z"]],
  [`a b\\ c`, ["a", "b c"]],
  [`a "b\\"c" 'd\\e'`, ["a", 'b"c', "d\\e"]],
  [`a ''`, ["a", ""]],
  [`a 'open`, null],
  [`a "open`, null],
  ["", null],
  ["  ", null],
];

Deno.test("splitCommand() splits by shell quoting rules", () => {
  for (const [command, words] of COMMANDS) {
    assert.deepEqual(splitCommand(command), words, command);
  }
});
