import assert from "node:assert/strict";
import { packedText, withLateChunks, withoutSameNames } from "./chunk_text.ts";

Deno.test("only names that a function has anyway are left out", () => {
  const text = 'function one() {}\n__name(one, "one");\n' +
    'function two2() {}\n__name(two2, "two");\n' +
    "class Three {\n  static {\n" + '    __name(this, "Three");\n  }\n}\n';
  assert.equal(
    withoutSameNames(text),
    text.replace('__name(one, "one");\n', ""),
  );
});

Deno.test("own chunks are addressed so that the runtime cannot tell them before", () => {
  assert.equal(
    withLateChunks(
      'await import("./a-B.js"); import("node:http"); imports("./c")',
    ),
    'await import(new URL("./a-B.js", import.meta.url).href); ' +
      'import("node:http"); imports("./c")',
  );
});

Deno.test({
  name: "the packed text is the same program, in ASCII, with its names",
  sanitizeResources: false, // esbuild keeps a port for its next call.
  fn: async () => {
    const text = "// \u00b1\u221e\nexport function named(value) {\n" +
      '  const pair = [value, "\u00fc"];\n  return pair.join("");\n}\n';
    const packed = packedText(text);
    assert.doesNotMatch(packed, /[^ -~\n]/);
    assert.ok(packed.length < text.length, packed);
    const program = await import(`data:text/javascript,${packed}`);
    assert.equal(program.named("x"), "x\u00fc");
    assert.equal(program.named.name, "named");
  },
});
