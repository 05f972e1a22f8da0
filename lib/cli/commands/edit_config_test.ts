import assert from "node:assert/strict";
import { revision } from "../../core/base/units.ts";
import { DEMO_KEYS, runIn, type World } from "../fake_context_test.ts";

const WORLD: World = { keys: DEMO_KEYS };

Deno.test("edit-config shows the differences, asks and writes compact JSON", async () => {
  const { out, code, keys } = await runIn(
    { ...WORLD, input: ["y"] },
    ["edit-config", "-s", "ttl=20", "-p", "superuser_reserved_connections=6"],
  );
  assert.equal(
    out,
    `\
--- 
+++ 
@@ -2,5 +2,6 @@
   parameters:
     max_connections: '100'
     shared_buffers: 128MB
+    superuser_reserved_connections: 6
 synchronous_mode: true
-ttl: 30
+ttl: 20
Apply these changes? [y/N]: Configuration changed
`,
  );
  assert.equal(code, 0);
  assert.equal(
    keys["config"],
    '{"ttl":20,"synchronous_mode":true,"postgresql":{"parameters":' +
      '{"max_connections":"100","shared_buffers":"128MB",' +
      '"superuser_reserved_connections":6}}}',
  );
});

Deno.test("edit-config takes no for an answer, silently", async () => {
  const { out, code, keys } = await runIn(
    { ...WORLD, input: ["n"] },
    ["edit-config", "-q", "-s", "ttl=20"],
  );
  assert.equal(out, "Apply these changes? [y/N]: ");
  assert.equal(code, 0);
  assert.equal(keys["config"], DEMO_KEYS["config"]);
});

Deno.test("edit-config says when nothing changed, unless it is quiet", async () => {
  const loud = await runIn(WORLD, ["edit-config", "-s", "ttl=30"]);
  assert.deepEqual([loud.out, loud.code], ["Not changed\n", 0]);
  const quiet = await runIn(WORLD, ["edit-config", "-q", "-s", "ttl=30"]);
  assert.deepEqual([quiet.out, quiet.code], ["", 0]);
});

Deno.test("edit-config does not overwrite a change made meanwhile", async () => {
  const { err, code, keys } = await runIn({
    ...WORLD,
    beforeWrite: (own) => {
      const changed = { key: "config", value: "{}", isHeld: false };
      own.set("config", { ...changed, revision: revision(50) });
    },
  }, ["edit-config", "--force", "-s", "ttl=20"]);
  assert.equal(
    err,
    "Error: Config modification aborted due to concurrent changes\n",
  );
  assert.deepEqual([code, keys["config"]], [1, "{}"]);
});

Deno.test("edit-config reads stdin, but then needs --force", async () => {
  const asked = await runIn(
    { ...WORLD, input: ["ttl: 15", "synchronous_mode: null"] },
    ["edit-config", "-q", "--apply", "-"],
  );
  assert.equal(asked.out, "Use --force option to apply changes\n");
  assert.deepEqual([asked.code, asked.keys["config"]], [
    0,
    DEMO_KEYS["config"],
  ]);
  const forced = await runIn(
    { ...WORLD, input: ["ttl: 15", "loop_wait: null"] },
    ["edit-config", "-q", "--replace", "-", "--force"],
  );
  assert.deepEqual([forced.out, forced.keys["config"]], [
    "Configuration changed\n",
    '{"ttl":15}',
  ]);
});

Deno.test("edit-config applies files in order: replace, apply, set, pg", async () => {
  const { keys } = await runIn({
    ...WORLD,
    files: {
      "/r": "ttl: 1\nloop_wait: 1\n",
      "/a": "ttl: 2\nslots: {a: null}\n",
    },
  }, [
    ..."edit-config -q --force --apply /a --replace /r".split(" "),
    ..."-p b.c=2 -s loop_wait=5 -s postgresql.parameters.x.y=[1]".split(" "),
  ]);
  assert.equal(
    keys["config"],
    '{"ttl":2,"loop_wait":5,"slots":{"a":null},' +
      '"postgresql":{"parameters":{"x.y":[1],"b.c":2}}}',
  );
});

Deno.test("edit-config removes emptied maps with their last key", async () => {
  const { keys } = await runIn(
    WORLD,
    "edit-config -q --force -p max_connections=null -p shared_buffers=null"
      .split(" "),
  );
  assert.equal(keys["config"], '{"ttl":30,"synchronous_mode":true}');
});

Deno.test("edit-config opens the editor on the YAML and reads it back", async () => {
  const { keys, out } = await runIn({
    ...WORLD,
    input: ["y"],
    environment: { EDITOR: "ed it" },
    program: ({ program, args }, files) => {
      assert.equal(program, "ed it");
      const path = args[0] ?? "";
      assert.match(path, /demo-config-.*\.yaml$/);
      files.set(path, (files.get(path) ?? "").replace("ttl: 30", "ttl: 33"));
      return 0;
    },
  }, ["edit-config"]);
  assert.match(out, /\n-ttl: 30\n\+ttl: 33\n/);
  assert.match(keys["config"] ?? "", /^\{"postgresql":.*"ttl":33\}$/);
});

Deno.test("edit-config colors the differences on a terminal, in a pager", async () => {
  const pages: string[] = [];
  const { out } = await runIn({
    ...WORLD,
    isTty: true,
    program: ({ program, input }) => {
      if (program !== "more") return null;
      pages.push(input ?? "");
      return 0;
    },
  }, ["edit-config", "--force", "-s", "ttl=20"]);
  assert.equal(out, "Configuration changed\n");
  assert.ok(pages.join("").includes("\x1b[31m-ttl: 30\x1b[0m\n"));
});

interface Refusal {
  readonly argv: string;
  readonly message: string;
  readonly world?: World;
}

const REFUSALS: readonly Refusal[] = [
  {
    argv: "edit-config nope",
    message: "The config key does not exist in the cluster nope",
  },
  { argv: "edit-config -s x", message: "Invalid parameter setting x" },
  {
    argv: "edit-config -p x",
    message: "Invalid parameter setting postgresql.parameters.x",
  },
  {
    argv: "edit-config --apply /none",
    message: "Cannot read file /none",
  },
  {
    argv: "edit-config --replace /f",
    world: { ...WORLD, files: { "/f": "- 1" } },
    message: "/f does not contain a map",
  },
  {
    argv: "edit-config",
    message:
      "EDITOR environment variable is not set. editor or vi are not available",
  },
  {
    argv: "edit-config",
    world: { ...WORLD, program: () => 3 },
    message: "Editor exited with return code 3",
  },
  {
    argv: "edit-config --force -s ttl=1",
    world: { ...WORLD, isTty: true },
    message:
      "No pager could be found. Either set PAGER environment variable with " +
      'your pager or install either "less" or "more" in the host.',
  },
];

for (const { argv, message, world } of REFUSALS) {
  Deno.test(`${argv} ends with: ${message}`, async () => {
    const { err, code, keys } = await runIn(world ?? WORLD, argv.split(" "));
    assert.equal(err, `Error: ${message}\n`);
    assert.equal(code, 1);
    assert.equal(keys["config"], DEMO_KEYS["config"]);
  });
}
