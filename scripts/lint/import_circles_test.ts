import assert from "node:assert/strict";
import { circles, importsOf } from "./import_circles.ts";

const ROOTS = ["lib", "proxy"];

Deno.test("importsOf() sees imports of every form", () => {
  const source = `
import type { A } from "./a.ts";
import {
  b,
  type B,
} from "../b.ts";
import "./c.ts";
export * from "../other/d.ts";
import e from "node:fs";
const f = await import("./f.ts");
`;
  assert.deepEqual(importsOf("lib/x/y.ts", source), [
    "lib/x/a.ts",
    "lib/b.ts",
    "lib/x/c.ts",
    "lib/other/d.ts",
    "lib/x/f.ts",
  ]);
});

Deno.test("circles() names the shortest way round, and nothing else", () => {
  const graph = new Map([
    ["a", ["b", "d"]],
    ["b", ["c", "d"]],
    ["c", ["a"]],
    ["d", []],
    ["e", ["e"]],
    ["f", ["a"]],
  ]);
  assert.deepEqual(circles(graph), [["a", "b", "c"], ["e"]]);
});

Deno.test("no files import each other in a circle, types included", async () => {
  const root = new URL("../../", import.meta.url);
  const graph = new Map([["main.ts", await imports(root, "main.ts")]]);
  for (const folder of ROOTS) {
    for await (const path of sources(root, folder)) {
      graph.set(path, await imports(root, path));
    }
  }
  assert.ok(graph.has("lib/agent/loop.ts") && graph.size > 400);
  assert.deepEqual(circles(graph), []);
});

async function* sources(root: URL, folder: string): AsyncGenerator<string> {
  for await (
    const { name, isDirectory } of Deno.readDir(new URL(folder, root))
  ) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sources(root, path);
    else if (name.endsWith(".ts")) yield path;
  }
}

async function imports(root: URL, path: string): Promise<readonly string[]> {
  return importsOf(path, await Deno.readTextFile(new URL(path, root)));
}
