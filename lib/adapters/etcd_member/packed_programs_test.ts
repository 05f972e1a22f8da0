import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { unpackPrograms } from "./packed_programs.ts";

const PROGRAMS = { etcd: "#!/bin/sh\necho etcd\n", etcdutl: "#!/bin/sh\n" };

async function packed(root: string): Promise<string> {
  const folder = join(root, "packed");
  await Deno.mkdir(folder, { recursive: true });
  const hashes: Record<string, string> = {};
  for (const [name, text] of Object.entries(PROGRAMS)) {
    hashes[name] = createHash("sha256").update(text).digest("hex");
    await Deno.writeFile(join(folder, `${name}.gz`), gzipSync(text));
  }
  await Deno.writeTextFile(
    join(folder, "programs.json"),
    JSON.stringify(hashes),
  );
  return folder;
}

function packTest(name: string, body: (root: string) => Promise<void>): void {
  Deno.test(name, async () => {
    const root = await Deno.makeTempDir({ prefix: "matriarch-packed-" });
    try {
      await body(root);
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  });
}

packTest("programs are unpacked once, and those of before go", async (root) => {
  const folder = await packed(root);
  const target = join(root, "bin");
  const first = await unpackPrograms(folder, target);
  assert.ok(first !== null);
  const { success, stdout } = await new Deno.Command(first.etcd).output();
  assert.ok(success);
  assert.equal(new TextDecoder().decode(stdout), "etcd\n");
  const { ino } = await Deno.stat(first.etcd);
  await Deno.writeTextFile(join(target, "etcd-0123456789abcdef"), "old");
  assert.deepEqual(await unpackPrograms(folder, target), first);
  assert.equal((await Deno.stat(first.etcd)).ino, ino);
  assert.equal([...Deno.readDirSync(target)].length, 2);
});

packTest("what was changed or cut short is unpacked again", async (root) => {
  const folder = await packed(root);
  const target = join(root, "bin");
  const first = await unpackPrograms(folder, target);
  assert.ok(first !== null);
  await Deno.writeTextFile(first.etcd, "#!/bin/sh\necho evil\n");
  await unpackPrograms(folder, target);
  assert.equal(await Deno.readTextFile(first.etcd), PROGRAMS.etcd);
});

packTest("programs that came damaged are refused", async (root) => {
  const folder = await packed(root);
  await Deno.writeFile(join(folder, "etcd.gz"), gzipSync("something else"));
  await assert.rejects(
    unpackPrograms(folder, join(root, "bin")),
    /The etcd that came along is damaged: copy it again/,
  );
});

packTest("a build without etcd has none", async (root) => {
  assert.equal(await unpackPrograms(join(root, "none"), root), null);
});
