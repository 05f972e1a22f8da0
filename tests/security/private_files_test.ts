/**
 * Goal: no file of ours can be read, locked or redirected by another local user.
 *
 * Method: an open umask, links and files that a stranger has put where a draft
 * of ours could be expected, and a look at what is left.
 */
import assert from "node:assert/strict";
import { lchownSync } from "node:fs";
import { join } from "node:path";
import { SystemClock } from "../../lib/adapters/os/clock.ts";
import { writeAtomically } from "../../lib/adapters/postgres/directory/files.ts";
import { writePrivate, writeTemporary } from "../../lib/cli/private_file.ts";
import { DcsSqlite } from "../../lib/adapters/sqlite/dcs_sqlite.ts";

class Folder {
  readonly path = Deno.makeTempDirSync({ prefix: "matriarch-files-" });
  readonly #umask = Deno.umask(0o000);

  [Symbol.dispose](): void {
    Deno.umask(this.#umask);
    Deno.removeSync(this.path, { recursive: true });
  }
}

function modeOf(path: string): string {
  return ((Deno.statSync(path).mode ?? 0) & 0o777).toString(8);
}

Deno.test("nobody else can read the SQLite store, or lock it", async () => {
  using folder = new Folder();
  const path = join(folder.path, "lab", "dcs.sqlite");
  const dcs = new DcsSqlite({ path, scopePath: "a", clock: new SystemClock() });
  await dcs.read({ timeoutMs: 10_000 });
  const modes = [...Deno.readDirSync(join(folder.path, "lab"))]
    .map(({ name }) => `${name} ${modeOf(join(folder.path, "lab", name))}`);
  await dcs.close();
  assert.equal(modeOf(join(folder.path, "lab")), "700");
  assert.deepEqual(modes.sort(), [
    "dcs.sqlite 600",
    "dcs.sqlite-shm 600",
    "dcs.sqlite-wal 600",
  ]);
});

Deno.test("a written file opens nothing that was there before", async () => {
  using folder = new Folder();
  const target = join(folder.path, "victim");
  Deno.writeTextFileSync(target, "untouched");
  const path = join(folder.path, "pgpass");
  for (const name of [`${path}.new`, `${path}.${Deno.pid}.new`]) {
    Deno.symlinkSync(target, name);
  }
  await writeAtomically(path, "secret");
  assert.equal(Deno.readTextFileSync(path), "secret");
  assert.equal(Deno.lstatSync(path).isSymlink, false);
  assert.equal(modeOf(path), "600");
  assert.equal(Deno.readTextFileSync(target), "untouched");
});

Deno.test("a file that is a link is replaced, and not what it leads to", async () => {
  using folder = new Folder();
  const target = join(folder.path, "victim");
  Deno.writeTextFileSync(target, "untouched");
  const path = join(folder.path, "pgpass");
  Deno.symlinkSync(target, path);
  await writeAtomically(path, "secret");
  assert.equal(Deno.readTextFileSync(target), "untouched");
  assert.equal(Deno.lstatSync(path).isSymlink, false);
});

Deno.test("what the command line writes follows no stranger, and is nobody else's to read", async () => {
  using folder = new Folder();
  const secret = "password: geheim\n";
  const open = join(folder.path, "open.yml");
  Deno.writeTextFileSync(open, "old");
  Deno.chmodSync(open, 0o666);
  using reader = Deno.openSync(open);
  const fresh = join(folder.path, "deep", "fresh.yml");
  for (const path of [open, fresh]) {
    await writePrivate(path, secret);
    assert.equal(Deno.readTextFileSync(path), secret);
    assert.equal(modeOf(path), "600");
  }
  const bytes = new Uint8Array(16);
  const length = reader.readSync(bytes) ?? 0;
  assert.equal(
    new TextDecoder().decode(bytes.subarray(0, length)),
    "old",
    "who had opened the old file reads the old file",
  );
  // A link of the own user's is followed, as in a home folder.
  const link = join(folder.path, "link.yml");
  Deno.symlinkSync(open, link);
  await writePrivate(link, "second");
  assert.ok(Deno.lstatSync(link).isSymlink);
  assert.equal(Deno.readTextFileSync(open), "second");
  const dangling = join(folder.path, "dangling.yml");
  Deno.symlinkSync(join(folder.path, "nothing"), dangling);
  await assert.rejects(writePrivate(dangling, secret), /link to nothing/);
  await writePrivate("/dev/null", secret);
  assert.ok(Deno.statSync("/dev/null").isCharDevice);
  assert.deepEqual(
    [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(),
    ["dangling.yml", "deep", "link.yml", "open.yml"],
    "nothing is left behind",
  );
});

Deno.test({
  name: "a link that another user has put there is refused",
  // Only root can make one.
  ignore: Deno.uid() !== 0,
  fn: async () => {
    using folder = new Folder();
    const target = join(folder.path, "victim");
    Deno.writeTextFileSync(target, "untouched");
    const path = join(folder.path, "patroni.yml");
    Deno.symlinkSync(target, path);
    lchownSync(path, 65_534, 65_534);
    await assert.rejects(writePrivate(path, "secret"), /another user's/);
    assert.equal(Deno.readTextFileSync(target), "untouched");
  },
});

Deno.test("a temporary file for the editor is new and private", async () => {
  using _folder = new Folder();
  const name = { prefix: "demo-config-", suffix: ".yaml" };
  const path = await writeTemporary(name, "ttl: 30\n");
  assert.equal(modeOf(path), "600");
  Deno.removeSync(path);
});
