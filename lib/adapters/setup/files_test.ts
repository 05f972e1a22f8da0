import assert from "node:assert/strict";
import { HostFiles } from "./files.ts";
import { listeningIn } from "./listeners.ts";

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "matriarch_setup_" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a file is there whole, with its mode, and nothing beside it", () =>
  inFolder(async (folder) => {
    const files = new HostFiles();
    const path = `${folder}/a/b/secret`;
    assert.equal(await files.read(path), null);
    for (const text of ["one", "two"]) {
      await files.write({ path, mode: 0o600, owner: null, text });
      assert.equal(await files.read(path), text);
    }
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    assert.deepEqual(
      [...Deno.readDirSync(`${folder}/a/b`)].map(({ name }) => name),
      ["secret"],
    );
    await files.remove(path);
    await files.remove(path);
    assert.equal(await files.read(path), null);
  }));

Deno.test("without a mode a file keeps its own, and a new one is secret", () =>
  inFolder(async (folder) => {
    const files = new HostFiles();
    const path = `${folder}/m.yml`;
    const terms = { path, mode: null, owner: null };
    await files.write({ ...terms, text: "one" });
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    await Deno.chmod(path, 0o640);
    await files.write({ ...terms, text: "two" });
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o640);
    assert.equal(await files.read(path), "two");
  }));

Deno.test("what a cut call left, and a link in the way, are replaced and not followed", () =>
  inFolder(async (folder) => {
    const files = new HostFiles();
    const path = `${folder}/secret`;
    await Deno.writeTextFile(`${folder}/other`, "mine");
    await Deno.symlink(`${folder}/other`, `${path}.new`);
    await files.write({ path, mode: 0o600, owner: null, text: "s" });
    assert.equal(await files.read(`${folder}/other`), "mine");
    assert.equal(await files.read(path), "s");
  }));

Deno.test("a file that cannot be written leaves the one before", () =>
  inFolder(async (folder) => {
    const files = new HostFiles();
    const path = `${folder}/file/below`;
    await Deno.writeTextFile(`${folder}/file`, "a file");
    await assert.rejects(
      files.write({ path, mode: 0o600, owner: null, text: "s" }),
    );
    assert.equal(await files.read(`${folder}/file`), "a file");
  }));

Deno.test("a folder that is there keeps its mode", () =>
  inFolder(async (folder) => {
    const files = new HostFiles();
    await files.makeFolder(`${folder}/new/own`, null);
    assert.equal((await Deno.stat(`${folder}/new/own`)).mode! & 0o777, 0o700);
    await Deno.chmod(`${folder}/new/own`, 0o750);
    await files.makeFolder(`${folder}/new/own`, null);
    assert.equal((await Deno.stat(`${folder}/new/own`)).mode! & 0o777, 0o750);
  }));

Deno.test("listeningIn() reads the kernel's table", () => {
  const table =
    `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 4711 1 0 100 0 0 10 0
   1: 0100007F:1538 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   101        0 4712 1 0 20 4 30 10 -1
`;
  assert.deepEqual(listeningIn(table), [{ port: 5432, inode: "4711" }]);
  assert.deepEqual(listeningIn(""), []);
});
